// One ring for all, so that a message is kept once. Each member has a task that waits for its
// socket; the room waits for none. Who falls out of the ring is told by it how much that was.

use futures::SinkExt as _;
use tokio::io::DuplexStream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// A WebSocket; here over a pipe in memory that holds half a kilobyte, as a socket holds more.
pub type Member = WebSocketStream<DuplexStream>;

/// How many messages wait for a member at most.
pub const KEPT: usize = 128;

pub async fn fan_out(mut said: mpsc::Receiver<String>, members: Vec<Member>) {
    let (room, _) = broadcast::channel(KEPT);
    let mut writers = JoinSet::new();
    for member in members {
        writers.spawn(write(room.subscribe(), member));
    }
    while let Some(text) = said.recv().await {
        // An error says that no member is left. The next one may come, in a room with a door.
        let _ = room.send(Utf8Bytes::from(text));
    }
    // Without a sender the ring has ended: the writers take what is left, and close.
    drop(room);
    while writers.join_next().await.is_some() {}
}

async fn write(mut room: broadcast::Receiver<Utf8Bytes>, mut member: Member) {
    loop {
        let text = match room.recv().await {
            Ok(text) => text,
            Err(RecvError::Lagged(missed)) => format!("missed {missed}").into(),
            Err(RecvError::Closed) => break,
        };
        if member.send(Message::Text(text)).await.is_err() {
            return;
        }
    }
    let _ = member.close(None).await;
}
