//! Other shapes: everything to everyone, the newest only, and a channel as a stream.

use std::time::Duration;

use common::Trace as _;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, sleep};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use crate::{TENTH, seconds_since};

/// Needs some time for each price. What it has missed is told to it.
async fn subscriber(name: &str, time: Duration, mut prices: broadcast::Receiver<u32>) -> String {
    let mut seen = Vec::new();
    loop {
        match prices.recv().await {
            Ok(price) => {
                seen.push(price.to_string());
                sleep(time).await;
            }
            Err(RecvError::Lagged(missed)) => seen.push(format!("(missed {missed})")),
            Err(RecvError::Closed) => return format!("{name}: {}", seen.join(" ")),
        }
    }
}

/// Ten prices, one every tenth of a second, to two subscribers.
pub(crate) async fn broadcast() {
    let start = Instant::now();
    let (tx, rx) = broadcast::channel(4);
    let quick = subscriber("quick", Duration::ZERO, rx).traced("subscriber(quick)");
    let slow = subscriber("slow", TENTH * 11 / 2, tx.subscribe()).traced("subscriber(slow)");
    let (quick, slow) = (tokio::spawn(quick), tokio::spawn(slow));
    for price in 1..=10 {
        // It does not wait: `send` is an ordinary function. It fails if nobody subscribes.
        let _ = tx.send(price);
        sleep(TENTH).await;
    }
    println!("published after {:.1} s", seconds_since(start));
    drop(tx);
    for subscriber in [quick, slow] {
        println!("{}", subscriber.await.unwrap_or_default());
    }

    // The capacity is rounded up to a power of two.
    let (tx, mut rx) = broadcast::channel(5);
    for price in 1..=10 {
        let _ = tx.send(price);
    }
    println!("room for 5, ten sent: {:?}", rx.recv().await);
}

/// The newest price, for whoever looks.
pub(crate) async fn watch() {
    let (tx, mut rx) = watch::channel(0);
    let slow = async move {
        let mut seen = vec![*rx.borrow_and_update()];
        while rx.changed().await.is_ok() {
            seen.push(*rx.borrow_and_update());
            sleep(TENTH * 21 / 5).await;
        }
        seen
    };
    let slow = tokio::spawn(slow.traced("slow()"));
    for price in 1..=10 {
        sleep(TENTH).await;
        let _ = tx.send(price); // fails if nobody looks
    }
    let late = tx.subscribe();
    println!("a late one sees {} at once", *late.borrow());
    drop(tx);
    println!("slow: {:?}", slow.await.unwrap_or_default());

    // `borrow` looks, `borrow_and_update` has also seen.
    let (tx, mut rx) = watch::channel(0);
    let _ = tx.send(1);
    println!("borrow: {}, new: {:?}", *rx.borrow(), rx.has_changed());
    let seen = *rx.borrow_and_update();
    println!("borrow_and_update: {seen}, new: {:?}", rx.has_changed());
}

/// A receiver as a stream, with the methods of an iterator.
pub(crate) async fn stream() {
    let (tx, rx) = mpsc::channel(2);
    let producer = tokio::spawn(async move {
        let mut sent = 0;
        while tx.send(sent + 1).await.is_ok() {
            sent += 1;
        }
        sent
    });
    let even = ReceiverStream::new(rx).filter(|number| number % 2 == 0);
    let squares: Vec<u64> = even.map(|number| number * number).take(3).collect().await;
    println!("squares: {squares:?}");
    // The stream was dropped, and with it the receiver: so the producer ended.
    println!("sent: {}", producer.await.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use tokio::time::timeout;

    #[tokio::test(start_paused = true)]
    async fn a_slow_subscriber_slows_nobody() {
        let start = Instant::now();
        let (tx, rx) = broadcast::channel(4);
        let quick = tokio::spawn(subscriber("quick", Duration::ZERO, rx));
        let slow = tokio::spawn(subscriber("slow", 100 * TENTH, tx.subscribe()));
        for price in 1..=10 {
            assert_eq!(tx.send(price).ok(), Some(2), "subscribers");
            sleep(TENTH).await;
        }
        drop(tx);
        assert_eq!(quick.await.unwrap(), "quick: 1 2 3 4 5 6 7 8 9 10");
        assert_eq!(start.elapsed(), 10 * TENTH);
        assert_eq!(slow.await.unwrap(), "slow: 1 (missed 5) 7 8 9 10");
        assert_eq!(start.elapsed(), 500 * TENTH);
    }

    #[tokio::test]
    async fn the_capacity_of_a_broadcast_is_a_power_of_two() {
        for (asked, got) in [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (1000, 1024)] {
            let (tx, mut rx) = broadcast::channel(asked);
            for number in 0..got {
                tx.send(number).unwrap();
            }
            assert_eq!(rx.recv().await, Ok(0), "room for {got}");
            let mut late = tx.subscribe();
            for number in 0..=got {
                tx.send(number).unwrap();
            }
            assert_eq!(late.recv().await, Err(RecvError::Lagged(1)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_broadcast_begins_with_the_subscription() {
        let (tx, rx) = broadcast::channel(4);
        drop(rx);
        assert!(tx.send(1).is_err(), "nobody subscribes");
        let mut rx = tx.subscribe();
        assert_eq!(tx.send(2).ok(), Some(1));
        assert_eq!(rx.recv().await, Ok(2));
        drop(tx);
        assert_eq!(rx.recv().await, Err(RecvError::Closed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_keeps_the_newest_and_only_that() {
        let (tx, mut rx) = watch::channel(0);
        // The first value counts as seen.
        assert!(timeout(TENTH, rx.changed()).await.is_err());
        for price in 1..=10 {
            tx.send(price).unwrap();
        }
        rx.changed().await.unwrap();
        assert_eq!(*rx.borrow_and_update(), 10);
        assert!(
            timeout(TENTH, rx.changed()).await.is_err(),
            "one change for ten"
        );
        // The last value can be seen after the sender is gone; then comes the end.
        tx.send(11).unwrap();
        drop(tx);
        rx.changed().await.unwrap();
        assert_eq!(*rx.borrow_and_update(), 11);
        assert!(rx.changed().await.is_err());
        assert_eq!(*rx.borrow(), 11);
    }

    #[tokio::test(start_paused = true)]
    async fn borrow_looks_and_does_not_count_as_seen() {
        let (tx, mut rx) = watch::channel(0);
        tx.send(1).unwrap();
        assert_eq!(*rx.borrow(), 1);
        rx.changed().await.unwrap(); // at once, for a value that we know
        tx.send(2).unwrap();
        assert_eq!(*rx.borrow_and_update(), 2);
        assert!(timeout(TENTH, rx.changed()).await.is_err());
        // A late one sees the newest, and counts it as seen.
        let mut late = tx.subscribe();
        assert_eq!(*late.borrow(), 2);
        assert!(timeout(TENTH, late.changed()).await.is_err());
    }

    /// What `borrow` returns is a lock: as long as it lives, `send` blocks its thread.
    #[test]
    fn a_borrowed_value_blocks_its_sender() {
        let (tx, rx) = watch::channel(0);
        let borrowed = rx.borrow();
        let sender = thread::spawn(move || tx.send(1).is_ok());
        thread::sleep(Duration::from_millis(20));
        assert!(!sender.is_finished());
        assert_eq!(*borrowed, 0);
        drop(borrowed);
        assert!(sender.join().unwrap());
        assert_eq!(*rx.borrow(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_stream_ends_the_producer() {
        let (tx, rx) = mpsc::channel(2);
        let producer = tokio::spawn(async move {
            let mut sent = 0;
            while tx.send(sent).await.is_ok() {
                sent += 1;
            }
        });
        let first: Vec<u64> = ReceiverStream::new(rx).take(3).collect().await;
        assert_eq!(first, [0, 1, 2]);
        assert!(timeout(TENTH, producer).await.is_ok());
    }
}
