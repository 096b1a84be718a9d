// misconception: shared-ends-with-its-task

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// Numbers, and who waits for their answers.
type Waiting = Arc<Mutex<BTreeMap<u64, oneshot::Sender<String>>>>;

/// A device. Clones share its connection.
#[derive(Clone)]
pub struct Device {
    commands: mpsc::Sender<String>,
    last: Arc<AtomicU64>,
    waiting: Waiting,
}

impl Device {
    pub fn new(connection: DuplexStream) -> Self {
        let (commands, outbox) = mpsc::channel(16);
        let waiting = Waiting::default();
        tokio::spawn(talk(connection, outbox, waiting.clone()));
        Self {
            commands,
            last: Arc::default(),
            waiting,
        }
    }

    /// How many commands are kept, to be answered.
    pub fn waiting(&self) -> usize {
        self.waiting.lock().unwrap().len()
    }

    /// Sends a command, and waits for its answer.
    pub async fn command(&self, command: &str) -> Result<String, Failed> {
        let (reply, answer) = oneshot::channel();
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.waiting.lock().unwrap().insert(number, reply);
        let _entry = Entry {
            waiting: &self.waiting,
            number,
        };
        let ask = async {
            let sent = self.commands.send(format!("{number} {command}")).await;
            sent.map_err(|_| Failed::Gone)?;
            answer.await.map_err(|_| Failed::Gone)
        };
        timeout(LIMIT, ask).await.unwrap_or(Err(Failed::Unanswered))
    }
}

/// Takes the entry of a command out, whichever way the command ends.
struct Entry<'a> {
    waiting: &'a Waiting,
    number: u64,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.waiting.lock().unwrap().remove(&self.number);
    }
}

async fn talk(connection: DuplexStream, mut outbox: mpsc::Receiver<String>, waiting: Waiting) {
    let lines = Framed::new(connection, LinesCodec::new_with_max_length(4096));
    let (mut writer, mut reader) = lines.split();
    let write = async {
        while let Some(line) = outbox.recv().await {
            if writer.send(line).await.is_err() {
                return;
            }
        }
    };
    let read = async {
        while let Some(Ok(line)) = reader.next().await {
            let Some((number, answer)) = line.split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            let reply = waiting.lock().unwrap().remove(&number);
            // None, if nobody waits for it any more.
            if let Some(reply) = reply {
                let _ = reply.send(answer.to_owned());
            }
        }
    };
    tokio::select! {
        () = write => {}
        () = read => {}
    }
}
