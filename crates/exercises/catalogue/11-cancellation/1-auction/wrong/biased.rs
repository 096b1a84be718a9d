// misconception: select-resumes

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

const OPEN: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(4);

/// The highest bid; none, if there was none.
pub async fn auction(mut bids: mpsc::Receiver<u32>) -> Option<u32> {
    let mut highest = None;
    loop {
        tokio::select! {
            // The clock first, so that bids cannot keep it from its turn.
            biased;
            () = sleep(OPEN) => return highest,
            () = sleep(PATIENCE) => return highest,
            bid = bids.recv() => match bid {
                Some(bid) => highest = highest.max(Some(bid)),
                None => return highest,
            },
        }
    }
}
