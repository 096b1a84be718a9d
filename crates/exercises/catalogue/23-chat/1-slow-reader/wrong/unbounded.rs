// misconception: a-queue-absorbs-it

use futures::SinkExt as _;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

pub type Member = WebSocketStream<DuplexStream>;

pub const KEPT: usize = 128;

pub async fn fan_out(mut said: mpsc::Receiver<String>, members: Vec<Member>) {
    let mut writers = JoinSet::new();
    let mut queues = Vec::new();
    for mut member in members {
        let (queue, mut texts) = mpsc::unbounded_channel();
        queues.push(queue);
        writers.spawn(async move {
            while let Some(text) = texts.recv().await {
                if member.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
            let _ = member.close(None).await;
        });
    }
    while let Some(text) = said.recv().await {
        queues.retain(|queue| queue.send(text.clone()).is_ok());
    }
    drop(queues);
    while writers.join_next().await.is_some() {}
}
