// What waits is written with one flush, and all writers are polled in this task.

use futures::SinkExt as _;
use futures::future::{join, join_all};
use tokio::io::DuplexStream;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::sync::{broadcast, mpsc};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

pub type Member = WebSocketStream<DuplexStream>;

pub const KEPT: usize = 128;

pub async fn fan_out(mut said: mpsc::Receiver<String>, members: Vec<Member>) {
    let (room, _) = broadcast::channel::<Utf8Bytes>(KEPT);
    let writers = members
        .into_iter()
        .map(|member| write(room.subscribe(), member));
    let writers = join_all(writers.collect::<Vec<_>>());
    let reading = async move {
        while let Some(text) = said.recv().await {
            let _ = room.send(text.into());
        }
    };
    join(reading, writers).await;
}

async fn write(mut room: broadcast::Receiver<Utf8Bytes>, mut member: Member) {
    use broadcast::error::RecvError;
    loop {
        let mut text = match room.recv().await {
            Ok(text) => text,
            Err(RecvError::Lagged(missed)) => format!("missed {missed}").into(),
            Err(RecvError::Closed) => break,
        };
        loop {
            if member.feed(Message::Text(text)).await.is_err() {
                return;
            }
            text = match room.try_recv() {
                Ok(text) => text,
                Err(TryRecvError::Lagged(missed)) => format!("missed {missed}").into(),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            };
        }
        if member.flush().await.is_err() {
            return;
        }
    }
    let _ = member.close(None).await;
}
