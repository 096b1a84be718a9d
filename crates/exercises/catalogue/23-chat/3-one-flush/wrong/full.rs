// misconception: a-batch-has-a-size

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
    let mut batch = 0;
    while let Some(text) = texts.recv().await {
        socket.feed(Message::text(text)).await?;
        batch += 1;
        if batch == 50 {
            socket.flush().await?;
            batch = 0;
        }
    }
    socket.close(None).await
}
