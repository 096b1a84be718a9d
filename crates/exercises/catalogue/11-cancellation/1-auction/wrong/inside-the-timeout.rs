// misconception: a-timeout-gives-what-there-is

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

const OPEN: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(4);

/// The highest bid; none, if there was none.
pub async fn auction(mut bids: mpsc::Receiver<u32>) -> Option<u32> {
    let take_bids = async {
        let mut highest = None;
        while let Ok(Some(bid)) = timeout(PATIENCE, bids.recv()).await {
            highest = highest.max(Some(bid));
        }
        highest
    };
    timeout(OPEN, take_bids).await.unwrap_or_default()
}
