// misconception: answers-come-in-turn

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

#[derive(Clone)]
pub struct Device {
    /// Who asks has it until the answer comes, so that the next line is the answer.
    lines: Arc<Mutex<(u64, Framed<DuplexStream, LinesCodec>)>>,
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
            lines: Arc::new(Mutex::new((0, lines))),
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
            let mut guard = self.lines.lock().await;
            let (number, lines) = &mut *guard;
            *number += 1;
            let sent = lines.send(format!("{number} {command}")).await;
            sent.map_err(|_| Failed::Gone)?;
            let Some(Ok(line)) = lines.next().await else {
                return Err(Failed::Gone);
            };
            let (_, answer) = line.split_once(' ').unwrap_or_default();
            Ok(answer.to_owned())
        };
        timeout(LIMIT, ask).await.unwrap_or(Err(Failed::Unanswered))
    }
}
