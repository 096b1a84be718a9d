// One limit around the loop, one in it. `highest` stands outside of the future that the limit drops.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

const OPEN: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(4);

/// The highest bid; none, if there was none.
pub async fn auction(mut bids: mpsc::Receiver<u32>) -> Option<u32> {
    let mut highest = None;
    let take_bids = async {
        while let Ok(Some(bid)) = timeout(PATIENCE, bids.recv()).await {
            highest = highest.max(Some(bid));
        }
    };
    // Closed by the clock or by the bidders: the highest bid is the same.
    let _ = timeout(OPEN, take_bids).await;
    highest
}
