// misconception: the-arm-runs-beside

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
    loop {
        tokio::select! {
            parcel = counter.recv() => {
                let Some(parcel) = parcel else { return };
                if van.send(parcel).await.is_err() {
                    return;
                }
            }
            _ = second.tick() => alive(),
        }
    }
}
