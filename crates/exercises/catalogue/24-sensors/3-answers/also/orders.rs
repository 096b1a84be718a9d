// Each order brings its sender along, and only the task puts it into the map. So the task's end can
// drop all of them, those in the outbox first. Entries that nobody waits for go when one comes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::codec::{Framed, LinesCodec};

pub const LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, PartialEq)]
pub enum Failed {
    Gone,
    Unanswered,
}

struct Order {
    command: String,
    reply: oneshot::Sender<String>,
}

/// Nothing panics while it holds the lock, so that `unwrap` does not either.
type Waiting = Arc<Mutex<BTreeMap<u64, oneshot::Sender<String>>>>;

/// A device. Clones share its connection.
#[derive(Clone)]
pub struct Device {
    orders: mpsc::Sender<Order>,
    waiting: Waiting,
}

impl Device {
    pub fn new(connection: DuplexStream) -> Self {
        let (orders, outbox) = mpsc::channel(16);
        let waiting = Waiting::default();
        tokio::spawn(talk(connection, outbox, waiting.clone()));
        Self { orders, waiting }
    }

    /// How many commands are kept, to be answered.
    pub fn waiting(&self) -> usize {
        self.waiting.lock().unwrap().len()
    }

    /// Sends a command, and waits for its answer.
    pub async fn command(&self, command: &str) -> Result<String, Failed> {
        let ask = async {
            let (reply, answer) = oneshot::channel();
            let order = Order {
                command: command.to_owned(),
                reply,
            };
            self.orders.send(order).await.map_err(|_| Failed::Gone)?;
            answer.await.map_err(|_| Failed::Gone)
        };
        timeout(LIMIT, ask).await.unwrap_or(Err(Failed::Unanswered))
    }
}

async fn talk(connection: DuplexStream, mut outbox: mpsc::Receiver<Order>, waiting: Waiting) {
    let lines = Framed::new(connection, LinesCodec::new_with_max_length(4096));
    let (mut writer, mut reader) = lines.split();
    let write = async {
        let mut number = 0;
        while let Some(Order { command, reply }) = outbox.recv().await {
            // Whoever asked has given up: better not done than done late.
            if reply.is_closed() {
                continue;
            }
            number += 1;
            keep(&waiting, number, reply);
            if writer.send(format!("{number} {command}")).await.is_err() {
                return;
            }
        }
    };
    let read = async {
        while let Some(Ok(line)) = reader.next().await {
            if let Some((number, answer)) = line.split_once(' ')
                && let Ok(number) = number.parse()
                && let Some(reply) = waiting.lock().unwrap().remove(&number)
            {
                let _ = reply.send(answer.to_owned());
            }
        }
    };
    tokio::select! {
        () = write => {}
        () = read => {}
    }
    drop(outbox);
    waiting.lock().unwrap().clear();
}

fn keep(waiting: &Waiting, number: u64, reply: oneshot::Sender<String>) {
    let mut waiting = waiting.lock().unwrap();
    waiting.retain(|_, reply| !reply.is_closed());
    waiting.insert(number, reply);
}
