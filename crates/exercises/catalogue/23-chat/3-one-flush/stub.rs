// One flush                                              fix, chapter 23-chat
//
// `write` sends the texts of a queue over a WebSocket, in order, until the queue ends, and then
// closes it. Each text costs a write to the socket, which is a call of the operating system: a
// thousand texts that wait already cost a thousand of them. Mend it: what waits is written with
// one flush. A text that comes alone is written at once, and does not wait for others.

use futures::SinkExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};

/// # Errors
///
/// If the connection breaks.
pub async fn write<S>(
    mut texts: mpsc::Receiver<String>,
    mut socket: WebSocketStream<S>,
) -> tungstenite::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(text) = texts.recv().await {
        socket.send(Message::text(text)).await?;
    }
    socket.close(None).await
}
