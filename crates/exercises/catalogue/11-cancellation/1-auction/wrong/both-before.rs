// misconception: timers-belong-before-the-loop

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
    let mut silence = pin!(sleep(PATIENCE));
    loop {
        tokio::select! {
            bid = bids.recv() => match bid {
                Some(bid) => highest = highest.max(Some(bid)),
                None => return highest,
            },
            () = &mut silence => return highest,
            () = &mut closing => return highest,
        }
    }
}
