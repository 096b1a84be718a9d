// The parcel is kept in a variable of the loop. Only waiting is dropped.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::interval;

/// There is one of each: it cannot be copied.
#[derive(Debug)]
pub struct Parcel {
    pub number: u32,
}

/// Passes on what comes, until no more will come or the van is gone. Calls `alive` each second meanwhile.
pub async fn forward(
    mut counter: mpsc::Receiver<Parcel>,
    van: mpsc::Sender<Parcel>,
    mut alive: impl FnMut(),
) {
    let mut second = interval(Duration::from_secs(1));
    let mut in_hand = None;
    loop {
        tokio::select! {
            parcel = counter.recv(), if in_hand.is_none() => {
                in_hand = parcel;
                if in_hand.is_none() {
                    return;
                }
            }
            place = van.reserve(), if in_hand.is_some() => {
                let Ok(place) = place else { return };
                if let Some(parcel) = in_hand.take() {
                    place.send(parcel);
                }
            }
            _ = second.tick() => alive(),
        }
    }
}
