// `forward` flushes whenever its stream has nothing ready, and closes at the end.

use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};

pub async fn write<S>(
    texts: mpsc::Receiver<String>,
    mut socket: WebSocketStream<S>,
) -> tungstenite::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut messages = ReceiverStream::new(texts).map(|text| Ok(Message::text(text)));
    socket.send_all(&mut messages).await?;
    socket.close(None).await
}
