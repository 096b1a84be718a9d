// misconception: a-task-for-each-send

use std::sync::Arc;

use futures::SinkExt as _;
use tokio::io::DuplexStream;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

pub type Member = WebSocketStream<DuplexStream>;

pub const KEPT: usize = 128;

pub async fn fan_out(mut said: mpsc::Receiver<String>, members: Vec<Member>) {
    let members: Vec<_> = members
        .into_iter()
        .map(|one| Arc::new(Mutex::new(one)))
        .collect();
    let mut sends = JoinSet::new();
    while let Some(text) = said.recv().await {
        for member in &members {
            let (member, text) = (member.clone(), text.clone());
            sends.spawn(async move { member.lock().await.send(Message::text(text)).await });
        }
    }
    while sends.join_next().await.is_some() {}
    for member in &members {
        let _ = member.lock().await.close(None).await;
    }
}
