// Two errors, two answers: one is a gap and says how wide it is, the other is the end.

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// `show` puts a line on the screen, which takes a while.
pub async fn follow(mut room: broadcast::Receiver<String>, mut show: impl AsyncFnMut(String)) {
    loop {
        match room.recv().await {
            Ok(text) => show(text).await,
            Err(RecvError::Lagged(missed)) => show(format!("({missed} missed)")).await,
            Err(RecvError::Closed) => return,
        }
    }
}
