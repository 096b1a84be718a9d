// The number finds the sender. The guard takes it out on every way that a command may end, and the end
// of the connection takes the whole map away, so that nobody waits for what cannot come.

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

/// None when the connection has ended. Nothing panics while it holds the lock, so that `unwrap` does
/// not either.
type Waiting = Arc<Mutex<Option<BTreeMap<u64, oneshot::Sender<String>>>>>;

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
        let waiting = Waiting::new(Mutex::new(Some(BTreeMap::new())));
        tokio::spawn(talk(connection, outbox, waiting.clone()));
        Self {
            commands,
            last: Arc::default(),
            waiting,
        }
    }

    /// How many commands are kept, to be answered.
    pub fn waiting(&self) -> usize {
        let waiting = self.waiting.lock().unwrap();
        waiting.as_ref().map_or(0, BTreeMap::len)
    }

    /// Sends a command, and waits for its answer.
    pub async fn command(&self, command: &str) -> Result<String, Failed> {
        let (reply, answer) = oneshot::channel();
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        match self.waiting.lock().unwrap().as_mut() {
            Some(waiting) => waiting.insert(number, reply),
            None => return Err(Failed::Gone),
        };
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
        if let Some(waiting) = self.waiting.lock().unwrap().as_mut() {
            waiting.remove(&self.number);
        }
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
            let reply = waiting
                .lock()
                .unwrap()
                .as_mut()
                .and_then(|waiting| waiting.remove(&number));
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
    // Drops all senders, and leaves no place for new ones.
    *waiting.lock().unwrap() = None;
}
