// misconception: lagged-may-be-skipped

use tokio::sync::broadcast;

pub async fn follow(mut room: broadcast::Receiver<String>, mut show: impl AsyncFnMut(String)) {
    loop {
        if let Ok(text) = room.recv().await {
            show(text).await;
        }
    }
}
