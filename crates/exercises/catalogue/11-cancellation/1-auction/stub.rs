// Going, going, gone                                     fix, chapter 11-cancellation
//
// An auction takes bids until it has been open for ten seconds, or nobody has bid for four seconds,
// or nobody can bid any more; it gives the highest. But if somebody bids every three seconds, it
// never closes. Mend it.

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
            bid = bids.recv() => match bid {
                Some(bid) => highest = highest.max(Some(bid)),
                None => return highest,
            },
            () = sleep(PATIENCE) => return highest,
            () = sleep(OPEN) => return highest,
        }
    }
}
