// misconception: a-limit-isolates

use std::time::Duration;

use futures::SinkExt as _;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

pub type Member = WebSocketStream<DuplexStream>;

pub const KEPT: usize = 128;

pub async fn fan_out(mut said: mpsc::Receiver<String>, mut members: Vec<Member>) {
    while let Some(text) = said.recv().await {
        for member in &mut members {
            let send = member.send(Message::text(text.clone()));
            let _ = timeout(Duration::from_millis(100), send).await;
        }
    }
    for member in &mut members {
        let _ = timeout(Duration::from_millis(100), member.close(None)).await;
    }
}
