// What waits when the socket is ready is one batch, were it a single text: nobody waits for a batch
// to become full.

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
        socket.feed(Message::text(text)).await?;
        while let Ok(text) = texts.try_recv() {
            socket.feed(Message::text(text)).await?;
        }
        socket.flush().await?;
    }
    socket.close(None).await
}
