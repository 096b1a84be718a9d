// misconception: lagged-may-be-skipped

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

pub async fn follow(mut room: broadcast::Receiver<String>, mut show: impl AsyncFnMut(String)) {
    loop {
        match room.recv().await {
            Ok(text) => show(text).await,
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        }
    }
}
