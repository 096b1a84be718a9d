// misconception: lagged-is-closed

use tokio::sync::broadcast;

pub async fn follow(mut room: broadcast::Receiver<String>, mut show: impl AsyncFnMut(String)) {
    loop {
        match room.recv().await {
            Ok(text) => show(text).await,
            Err(_) => {
                show("(the room has closed)".to_owned()).await;
                return;
            }
        }
    }
}
