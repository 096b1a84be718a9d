// A parcel disappears                                        fix, chapter 11-cancellation
//
// `forward` passes parcels on from a counter to a van, one at a time, and gives a sign of life each
// second. As long as the van has room, all goes well. When it is full, parcels disappear. Mend it:
// every parcel arrives, in order; the signs of life still come each second, also while it waits for
// a place or for a parcel; and parcels that the van has no place for are left on the counter,
// except the one in hand.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::interval;

/// There is one of each: it cannot be copied.
#[derive(Debug)]
pub struct Parcel {
    pub number: u32,
}

/// Takes the next parcel from the counter and puts it into the van. `false` when no more will come,
/// or the van is gone.
async fn pass_on(counter: &mut mpsc::Receiver<Parcel>, van: &mpsc::Sender<Parcel>) -> bool {
    let Some(parcel) = counter.recv().await else {
        return false;
    };
    van.send(parcel).await.is_ok()
}

/// Passes on what comes, until `pass_on` says `false`. Calls `alive` each second meanwhile.
pub async fn forward(
    mut counter: mpsc::Receiver<Parcel>,
    van: mpsc::Sender<Parcel>,
    mut alive: impl FnMut(),
) {
    let mut second = interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            more = pass_on(&mut counter, &van) => {
                if !more {
                    return;
                }
            }
            _ = second.tick() => alive(),
        }
    }
}
