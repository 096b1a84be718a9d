// misconception: sends-at-once-do-not-wait

use futures::SinkExt as _;
use futures::future::join_all;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

pub type Member = WebSocketStream<DuplexStream>;

pub const KEPT: usize = 128;

pub async fn fan_out(mut said: mpsc::Receiver<String>, mut members: Vec<Member>) {
    while let Some(text) = said.recv().await {
        let sends = members
            .iter_mut()
            .map(|member| member.send(Message::text(text.clone())));
        join_all(sends).await;
    }
    for member in &mut members {
        let _ = member.close(None).await;
    }
}
