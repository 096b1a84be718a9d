// misconception: who-does-not-read-is-gone

use futures::SinkExt as _;
use tokio::io::DuplexStream;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

pub type Member = WebSocketStream<DuplexStream>;

pub const KEPT: usize = 128;

pub async fn fan_out(mut said: mpsc::Receiver<String>, members: Vec<Member>) {
    let (room, _) = broadcast::channel::<String>(KEPT);
    let mut writers = JoinSet::new();
    for mut member in members {
        let mut said = room.subscribe();
        writers.spawn(async move {
            // `Lagged` and `Closed` both end it.
            while let Ok(text) = said.recv().await {
                if member.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
            let _ = member.close(None).await;
        });
    }
    while let Some(text) = said.recv().await {
        let _ = room.send(text);
    }
    drop(room);
    while writers.join_next().await.is_some() {}
}
