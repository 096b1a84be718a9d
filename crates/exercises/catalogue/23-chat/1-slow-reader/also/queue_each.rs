// A queue for each member. When it is full, the newest are left out, and counted; the count goes in
// as soon as there is room for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use futures::SinkExt as _;
use tokio::io::DuplexStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

pub type Member = WebSocketStream<DuplexStream>;

pub const KEPT: usize = 128;

#[derive(Default)]
struct Waiting {
    texts: VecDeque<String>,
    missed: usize,
    is_over: bool,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

impl Queue {
    fn change(&self, change: impl FnOnce(&mut Waiting)) {
        if let Ok(mut waiting) = self.waiting.lock() {
            change(&mut waiting);
        }
        self.changed.notify_one();
    }

    /// The next text; `None` at the end.
    async fn next(&self) -> Option<String> {
        loop {
            if let Ok(mut waiting) = self.waiting.lock() {
                if let Some(text) = waiting.texts.pop_front() {
                    return Some(text);
                }
                if waiting.missed > 0 {
                    let missed = std::mem::take(&mut waiting.missed);
                    return Some(format!("missed {missed}"));
                }
                if waiting.is_over {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }
}

pub async fn fan_out(mut said: mpsc::Receiver<String>, members: Vec<Member>) {
    let mut writers = JoinSet::new();
    let mut queues = Vec::new();
    for member in members {
        let queue = Arc::new(Queue::default());
        queues.push(queue.clone());
        writers.spawn(write(queue, member));
    }
    while let Some(text) = said.recv().await {
        for queue in &queues {
            queue.change(|waiting| {
                // While something is missing, what follows is missing too: else the count would
                // stand in the wrong place.
                if waiting.missed > 0 || waiting.texts.len() == KEPT {
                    waiting.missed += 1;
                } else {
                    waiting.texts.push_back(text.clone());
                }
            });
        }
    }
    for queue in &queues {
        queue.change(|waiting| waiting.is_over = true);
    }
    while writers.join_next().await.is_some() {}
}

async fn write(queue: Arc<Queue>, mut member: Member) {
    while let Some(text) = queue.next().await {
        if member.send(Message::text(text)).await.is_err() {
            return;
        }
    }
    let _ = member.close(None).await;
}
