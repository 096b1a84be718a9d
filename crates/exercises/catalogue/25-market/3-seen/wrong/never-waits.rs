// misconception: send-never-waits

use std::cell::Cell;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, sleep};

/// What the reader of `latest` has seen.
pub const LATEST: &[u32] = &[1, 4, 7, 10];
/// What the reader of `ring` has seen.
pub const RING: &[u32] = &[1, 3, 6, 9, 10];
/// How many it was told that it has lost.
pub const RING_LOST: u64 = 5;
/// What the reader of `queue` has seen.
pub const QUEUE: &[u32] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
/// How many of the ten prices waited for room in it.
pub const QUEUE_WAITED: u32 = 0;

/// Ten prices: at 0.10 s, at 0.20 s and so on, the last one at 1.00 s if nothing holds it up.
async fn exchange(mut publish: impl AsyncFnMut(u32)) {
    for price in 1..=10 {
        sleep(Duration::from_millis(100)).await;
        publish(price).await;
    }
}

/// Needs 0.33 s for each price.
async fn draw(price: u32, seen: &mut Vec<u32>) {
    seen.push(price);
    sleep(Duration::from_millis(330)).await;
}

/// What the reader has seen.
pub async fn latest() -> Vec<u32> {
    let (sender, mut receiver) = watch::channel(0);
    let exchange = exchange(async move |price| {
        sender.send_replace(price);
    });
    let reader = async {
        let mut seen = Vec::new();
        while receiver.changed().await.is_ok() {
            let price = *receiver.borrow_and_update();
            draw(price, &mut seen).await;
        }
        seen
    };
    let ((), seen) = tokio::join!(exchange, reader);
    seen
}

/// What the reader has seen, and how many it was told that it has lost.
pub async fn ring() -> (Vec<u32>, u64) {
    let (sender, mut receiver) = broadcast::channel(2);
    let exchange = exchange(async move |price| {
        // It fails when there is no receiver.
        let _ = sender.send(price);
    });
    let reader = async {
        let (mut seen, mut lost) = (Vec::new(), 0);
        loop {
            match receiver.recv().await {
                Ok(price) => draw(price, &mut seen).await,
                Err(RecvError::Lagged(count)) => lost += count,
                Err(RecvError::Closed) => return (seen, lost),
            }
        }
    };
    let ((), seen_and_lost) = tokio::join!(exchange, reader);
    seen_and_lost
}

/// What the reader has seen, and how many prices had to wait before they could be sent.
pub async fn queue() -> (Vec<u32>, u32) {
    let (sender, mut receiver) = mpsc::channel(2);
    let waited = &Cell::new(0);
    let exchange = exchange(async move |price| {
        let began = Instant::now();
        // It fails when the receiver is gone.
        let _ = sender.send(price).await;
        if began.elapsed() > Duration::ZERO {
            waited.set(waited.get() + 1);
        }
    });
    let reader = async {
        let mut seen = Vec::new();
        while let Some(price) = receiver.recv().await {
            draw(price, &mut seen).await;
        }
        seen
    };
    let ((), seen) = tokio::join!(exchange, reader);
    (seen, waited.get())
}
