// What is made in an arm begins anew in each round. That is right for the patience, which counts from
// the last bid. The ten seconds count from the opening: that sleep is made once, and only lent.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

const OPEN: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(4);

/// The highest bid; none, if there was none.
pub async fn auction(mut bids: mpsc::Receiver<u32>) -> Option<u32> {
    let mut highest = None;
    let mut closing = pin!(sleep(OPEN));
    loop {
        tokio::select! {
            bid = bids.recv() => match bid {
                Some(bid) => highest = highest.max(Some(bid)),
                None => return highest,
            },
            () = sleep(PATIENCE) => return highest,
            () = &mut closing => return highest,
        }
    }
}
