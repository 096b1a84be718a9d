// The channel gives all that waits, up to a number.

use futures::SinkExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};

pub async fn write<S>(
    mut texts: mpsc::Receiver<String>,
    mut socket: WebSocketStream<S>,
) -> tungstenite::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut waiting = Vec::new();
    while texts.recv_many(&mut waiting, 256).await > 0 {
        for text in waiting.drain(..) {
            socket.feed(Message::text(text)).await?;
        }
        socket.flush().await?;
    }
    socket.close(None).await
}
