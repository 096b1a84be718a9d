// misconception: resubscribe-catches-up

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

pub async fn follow(mut room: broadcast::Receiver<String>, mut show: impl AsyncFnMut(String)) {
    loop {
        match room.recv().await {
            Ok(text) => show(text).await,
            Err(RecvError::Lagged(missed)) => {
                room = room.resubscribe();
                show(format!("({missed} missed)")).await;
            }
            Err(RecvError::Closed) => return,
        }
    }
}
