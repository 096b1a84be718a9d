// misconception: ask-when-answered

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use tokio::io::DuplexStream;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::codec::{Framed, LinesCodec};

pub const LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, PartialEq)]
pub enum Failed {
    Gone,
    Unanswered,
}

struct Connection {
    lines: Framed<DuplexStream, LinesCodec>,
    last: u64,
}

#[derive(Clone)]
pub struct Device {
    connection: Arc<Mutex<Connection>>,
    waiting: Arc<AtomicUsize>,
}

struct Waits<'a>(&'a AtomicUsize);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Device {
    pub fn new(connection: DuplexStream) -> Self {
        let lines = Framed::new(connection, LinesCodec::new_with_max_length(4096));
        Self {
            connection: Arc::new(Mutex::new(Connection { lines, last: 0 })),
            waiting: Arc::default(),
        }
    }

    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    pub async fn command(&self, command: &str) -> Result<String, Failed> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let _waits = Waits(&self.waiting);
        let ask = async {
            let mut connection = self.connection.lock().await;
            connection.last += 1;
            let number = connection.last.to_string();
            let sent = connection.lines.send(format!("{number} {command}")).await;
            sent.map_err(|_| Failed::Gone)?;
            // An older answer may come first.
            while let Some(Ok(line)) = connection.lines.next().await {
                match line.split_once(' ') {
                    Some((its, answer)) if its == number => return Ok(answer.to_owned()),
                    _ => {}
                }
            }
            Err(Failed::Gone)
        };
        timeout(LIMIT, ask).await.unwrap_or(Err(Failed::Unanswered))
    }
}
