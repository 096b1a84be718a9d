// As a stream: its end is the end, and an error is a gap.

use tokio::sync::broadcast;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

pub async fn follow(room: broadcast::Receiver<String>, mut show: impl AsyncFnMut(String)) {
    let mut room = BroadcastStream::new(room);
    while let Some(said) = room.next().await {
        match said {
            Ok(text) => show(text).await,
            Err(BroadcastStreamRecvError::Lagged(missed)) => {
                show(format!("({missed} missed)")).await;
            }
        }
    }
}
