// Whose answer?                                          fix, chapter 24-sensors
//
// A device gets commands with a number, `7 blink`, and answers with the number, `7 done`, in any
// order, late, or not at all. `command` takes each answer for that to the oldest command. Mend it:
// each answer goes to its own command, and to none if nobody waits for it any more. A command that
// is not answered within `LIMIT` is `Unanswered`, and holds up no other. When the connection ends,
// all commands that wait are `Gone` at once, and so are later ones. Of a command that has ended, or
// whose caller has given up, nothing is kept, at the latest when the next one has been answered.

use std::collections::VecDeque;
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

/// Nothing panics while it holds the lock, so that `unwrap` does not either.
type Waiting = Arc<Mutex<VecDeque<oneshot::Sender<String>>>>;

/// A device. Clones share its connection.
#[derive(Clone)]
pub struct Device {
    commands: mpsc::Sender<String>,
    waiting: Waiting,
}

impl Device {
    pub fn new(connection: DuplexStream) -> Self {
        let (commands, outbox) = mpsc::channel(16);
        let waiting = Waiting::default();
        tokio::spawn(talk(connection, outbox, waiting.clone()));
        Self { commands, waiting }
    }

    /// How many commands are kept, to be answered.
    pub fn waiting(&self) -> usize {
        self.waiting.lock().unwrap().len()
    }

    /// Sends a command, and waits for its answer.
    pub async fn command(&self, command: &str) -> Result<String, Failed> {
        let ask = async {
            let (reply, answer) = oneshot::channel();
            self.waiting.lock().unwrap().push_back(reply);
            let sent = self.commands.send(command.to_owned()).await;
            sent.map_err(|_| Failed::Gone)?;
            answer.await.map_err(|_| Failed::Gone)
        };
        timeout(LIMIT, ask).await.unwrap_or(Err(Failed::Unanswered))
    }
}

async fn talk(connection: DuplexStream, mut outbox: mpsc::Receiver<String>, waiting: Waiting) {
    let lines = Framed::new(connection, LinesCodec::new_with_max_length(4096));
    let (mut writer, mut reader) = lines.split();
    let write = async {
        let mut number = 0;
        while let Some(command) = outbox.recv().await {
            number += 1;
            if writer.send(format!("{number} {command}")).await.is_err() {
                return;
            }
        }
    };
    let read = async {
        while let Some(Ok(line)) = reader.next().await {
            let oldest = waiting.lock().unwrap().pop_front();
            if let (Some(reply), Some((_, answer))) = (oldest, line.split_once(' ')) {
                let _ = reply.send(answer.to_owned());
            }
        }
    };
    tokio::select! {
        () = write => {}
        () = read => {}
    }
}
