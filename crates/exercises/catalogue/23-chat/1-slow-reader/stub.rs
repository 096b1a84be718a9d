// A slow reader                                          fix, chapter 23-chat
//
// `fan_out` sends what is said in a room to its members, over their WebSockets, and closes these at
// the end. When one member reads nothing, all others stop. Mend it: the room waits for no member.
// Each member that reads gets every message, in order. For one that does not, at most `KEPT`
// messages wait; what does not fit is replaced by one text, `missed 7`, in its place between the
// others, and when the member reads again it goes on. A member whose connection breaks concerns
// nobody else. `fan_out` is done when each member has got its last message or is gone.

use futures::SinkExt as _;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// A WebSocket; here over a pipe in memory that holds half a kilobyte, as a socket holds more.
pub type Member = WebSocketStream<DuplexStream>;

/// How many messages wait for a member at most.
pub const KEPT: usize = 128;

pub async fn fan_out(mut said: mpsc::Receiver<String>, mut members: Vec<Member>) {
    while let Some(text) = said.recv().await {
        for member in &mut members {
            let _ = member.send(Message::text(text.clone())).await;
        }
    }
    for member in &mut members {
        let _ = member.close(None).await;
    }
}
