//! Which channel for which job: a test for each row of the table in chapter 18.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, Notify, Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn answer_to_one_question_oneshot() {
    let (answer, asked) = oneshot::channel();
    tokio::spawn(async move { answer.send(42) });
    assert_eq!(asked.await, Ok(42));
    // If there will be no answer, the one who asked is told.
    let (answer, asked) = oneshot::channel::<u32>();
    drop(answer);
    assert!(asked.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn every_item_to_one_consumer_mpsc() {
    let (tx, mut rx) = mpsc::channel(2);
    for producer in 0..3 {
        let tx = tx.clone();
        tokio::spawn(async move {
            for number in 0..10 {
                tx.send(producer * 10 + number).await.unwrap();
            }
        });
    }
    drop(tx);
    let mut all = Vec::new();
    while let Some(number) = rx.recv().await {
        sleep(SECOND).await; // they wait, and none is lost
        all.push(number);
    }
    all.sort_unstable();
    assert_eq!(all, (0..30).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn every_item_to_one_of_many_mpsc_behind_a_lock() {
    let (tx, rx) = mpsc::channel(30);
    for number in 0..30 {
        tx.send(number).await.unwrap();
    }
    drop(tx);
    let rx = Arc::new(Mutex::new(rx));
    let start = Instant::now();
    let worker = async |rx: Arc<Mutex<mpsc::Receiver<u32>>>| {
        let mut got = Vec::new();
        loop {
            let item = rx.lock().await.recv().await;
            let Some(item) = item else { return got };
            sleep(SECOND).await;
            got.push(item);
        }
    };
    let workers = (0..3).map(|_| tokio::spawn(worker(Arc::clone(&rx))));
    let mut all = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        all.extend(worker.await.unwrap());
    }
    all.sort_unstable();
    assert_eq!(all, (0..30).collect::<Vec<_>>());
    assert_eq!(start.elapsed(), 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn every_item_to_everyone_broadcast() {
    let (tx, mut first) = broadcast::channel(4);
    let mut second = tx.subscribe();
    tx.send("a").unwrap();
    tx.send("b").unwrap();
    for rx in [&mut first, &mut second] {
        assert_eq!(rx.recv().await, Ok("a"));
        assert_eq!(rx.recv().await, Ok("b"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_newest_to_everyone_watch() {
    let (tx, mut rx) = watch::channel("old");
    for version in ["v1", "v2", "v3"] {
        tx.send(version).unwrap();
    }
    rx.changed().await.unwrap();
    assert_eq!(*rx.borrow_and_update(), "v3");
    assert_eq!(*tx.subscribe().borrow(), "v3");
}

#[tokio::test(start_paused = true)]
async fn drop_what_finds_no_place_try_send() {
    let (tx, mut rx) = mpsc::channel(2);
    let mut dropped = 0;
    for number in 0..10 {
        match tx.try_send(number) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => dropped += 1,
            Err(TrySendError::Closed(_)) => panic!("it is open"),
        }
    }
    assert_eq!(dropped, 8);
    assert_eq!(rx.recv().await, Some(0), "the oldest are kept");
}

#[tokio::test(start_paused = true)]
async fn drop_the_oldest_broadcast_with_one_receiver() {
    let (tx, mut rx) = broadcast::channel(2);
    for number in 0..10 {
        tx.send(number).unwrap();
    }
    assert!(rx.recv().await.is_err(), "eight are missing");
    assert_eq!(rx.recv().await, Ok(8), "the newest are kept");
}

#[tokio::test(start_paused = true)]
async fn from_code_that_cannot_wait_unbounded_behind_a_limit() {
    // The limit is elsewhere: a permit goes along with each item, and is dropped with it.
    let (tx, mut rx) = mpsc::unbounded_channel();
    let limit = Arc::new(Semaphore::new(3));
    let callback = |number: u32| match Arc::clone(&limit).try_acquire_owned() {
        Ok(permit) => tx.send((number, permit)).is_ok(),
        Err(_) => false,
    };
    let taken = (0..10).filter(|number| callback(*number)).count();
    assert_eq!((taken, rx.len()), (3, 3));
    drop(rx.recv().await);
    assert!(callback(10));
}

#[tokio::test(start_paused = true)]
async fn a_bell_without_an_item_notify() {
    let bell = Notify::new();
    bell.notify_one();
    bell.notify_one(); // it remembers one
    assert!(timeout(SECOND, bell.notified()).await.is_ok());
    assert!(timeout(SECOND, bell.notified()).await.is_err());
}
