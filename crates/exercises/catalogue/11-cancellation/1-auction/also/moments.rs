// No timer lives longer than a round, but the moment of the closing does.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

const OPEN: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(4);

/// The highest bid; none, if there was none.
pub async fn auction(mut bids: mpsc::Receiver<u32>) -> Option<u32> {
    let closing = Instant::now() + OPEN;
    let mut highest = None;
    loop {
        let until = closing.min(Instant::now() + PATIENCE);
        match timeout_at(until, bids.recv()).await {
            Ok(Some(bid)) => highest = highest.max(Some(bid)),
            Ok(None) | Err(_) => return highest,
        }
    }
}
