use super::*;
use common::timeline::{self, Recording, What};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::task::JoinSet;

/// When each `send` was through, in tenths of a second since the first row began.
fn sends(recording: &Recording) -> Vec<u128> {
    let start = recording.events[0].at;
    let events = recording.events.iter();
    let ready = events.filter(|event| match event.what {
        What::Ready { task } => recording.tasks[task].starts_with("send("),
        _ => false,
    });
    ready
        .map(|event| (event.at - start).as_millis() / 100)
        .collect()
}

// The clock is paused: it jumps to the next timer whenever every task waits, so these tests take
// no time and their durations are exact.
#[tokio::test(start_paused = true)]
async fn the_producer_goes_as_fast_as_the_consumer() {
    let start = Instant::now();
    let ((), recording) = timeline::record(pressure(2)).await;
    assert_eq!(start.elapsed(), 30 * TENTH);
    // Three at once: two that wait, and one in the hands of the consumer.
    assert_eq!(sends(&recording), [0, 0, 0, 5, 10, 15]);
}

#[tokio::test(start_paused = true)]
async fn more_room_lets_the_producer_go_and_nobody_is_done_sooner() {
    let start = Instant::now();
    let ((), recording) = timeline::record(pressure(10)).await;
    assert_eq!(start.elapsed(), 30 * TENTH);
    assert_eq!(sends(&recording), [0; 6]);
}

#[tokio::test(start_paused = true)]
async fn the_channel_never_holds_more_than_its_capacity() {
    for capacity in [1, 2, 10] {
        let (tx, mut rx) = mpsc::channel(capacity);
        let mut producers = JoinSet::new();
        for producer in 0..3 {
            let tx = tx.clone();
            producers.spawn(async move {
                for number in 0..20 {
                    tx.send((producer, number)).await.unwrap();
                }
            });
        }
        drop(tx);
        let mut next = [0; 3];
        loop {
            sleep(TENTH).await;
            assert!(rx.len() <= capacity);
            let Some((producer, number)) = rx.recv().await else {
                break;
            };
            assert_eq!(number, next[producer], "each producer's items are in order");
            next[producer] += 1;
        }
        assert_eq!(next, [20; 3]);
    }
}

#[tokio::test]
#[should_panic(expected = "mpsc bounded channel requires buffer > 0")]
async fn there_is_no_channel_without_a_place() {
    let _ = mpsc::channel::<u32>(0);
}

#[tokio::test(start_paused = true)]
async fn a_full_channel_gives_the_item_back() {
    let (tx, _rx) = mpsc::channel(1);
    tx.send(1).await.unwrap();
    assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    let start = Instant::now();
    let refused = tx.send_timeout(3, 3 * TENTH).await;
    assert_eq!(refused, Err(SendTimeoutError::Timeout(3)));
    assert_eq!(start.elapsed(), 3 * TENTH);
    assert!(tx.try_reserve().is_err());
}

/// A dropped permit gives its place back; a kept one takes it from everybody else.
#[tokio::test(start_paused = true)]
async fn a_reserved_place_is_taken() {
    let (tx, mut rx) = mpsc::channel(1);
    let place = tx.reserve().await.unwrap();
    assert_eq!((tx.capacity(), rx.len()), (0, 0));
    assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
    drop(place);
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(rx.recv().await, Some(1));
}

/// It returns no error, so it cannot give the item back.
#[tokio::test(start_paused = true)]
async fn a_reserved_place_loses_its_item_with_the_receiver() {
    let (tx, rx) = mpsc::channel(1);
    let place = tx.reserve().await.unwrap();
    drop(rx);
    let item = std::sync::Arc::new(());
    place.send(std::sync::Arc::clone(&item));
    drop(tx);
    assert_eq!(std::sync::Arc::strong_count(&item), 1);
}

#[tokio::test(start_paused = true)]
async fn a_free_place_belongs_to_who_waits() {
    let (tx, mut rx) = mpsc::channel(1);
    tx.send(0).await.unwrap();
    let mut waiting = Vec::new();
    for number in 1..=5 {
        let tx = tx.clone();
        waiting.push(tokio::spawn(async move { tx.send(number).await }));
        yield_now().await;
    }
    assert_eq!(rx.recv().await, Some(0));
    assert_eq!(tx.try_send(9), Err(TrySendError::Full(9)));
    for number in 1..=5 {
        assert_eq!(rx.recv().await, Some(number));
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_comes_after_the_last_item() {
    let (tx, mut rx) = mpsc::channel(4);
    tx.send(1).await.unwrap();
    tx.send(2).await.unwrap();
    drop(tx);
    assert_eq!(collect(&mut rx).await, [1, 2]);
    assert_eq!(rx.recv().await, None, "and again");
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

/// The detector for a channel that does not end: a deadline, and the number of senders.
#[tokio::test(start_paused = true)]
async fn a_forgotten_sender_keeps_the_channel_open() {
    let hour = Duration::from_hours(1);
    let (tx, mut rx) = mpsc::channel::<u32>(4);
    assert!(timeout(hour, collect(&mut rx)).await.is_err());
    assert_eq!(rx.sender_strong_count(), 1);
    // A weak sender does not count.
    let weak = tx.downgrade();
    drop(tx);
    assert!(weak.upgrade().is_none());
    assert_eq!(timeout(hour, collect(&mut rx)).await, Ok(vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_closed_receiver_waits_for_reserved_places() {
    let (tx, mut rx) = mpsc::channel(4);
    tx.send(1).await.unwrap();
    let place = tx.reserve().await.unwrap();
    rx.close();
    assert_eq!(tx.send(2).await, Err(SendError(2)));
    assert_eq!(rx.recv().await, Some(1));
    // Not the end yet: the place may still be used.
    assert!(timeout(TENTH, rx.recv()).await.is_err());
    place.send(3);
    assert_eq!(rx.recv().await, Some(3));
    assert_eq!(rx.recv().await, None, "although a sender lives");
}

#[tokio::test(start_paused = true)]
async fn with_the_receiver_its_items_are_dropped() {
    let (tx, rx) = mpsc::channel(4);
    let item = std::sync::Arc::new(());
    tx.send(std::sync::Arc::clone(&item)).await.unwrap();
    let waits = tokio::spawn({
        let tx = tx.clone();
        async move { tx.closed().await }
    });
    yield_now().await;
    assert!(!waits.is_finished() && !tx.is_closed());
    drop(rx);
    assert!(tx.is_closed());
    waits.await.unwrap();
    assert_eq!(std::sync::Arc::strong_count(&item), 1);
    assert!(tx.send(item).await.is_err());
}

/// Whenever the consumer closes: what was sent was received, and the rest came back.
#[tokio::test(start_paused = true)]
async fn nothing_is_lost_on_shutdown() {
    for moment in (0..200).map(Duration::from_millis) {
        let (tx, mut rx) = mpsc::channel(3);
        let mut producers = JoinSet::new();
        for producer in 0..4 {
            let tx = tx.clone();
            producers.spawn(async move {
                let (mut sent, mut back) = (Vec::new(), Vec::new());
                for number in 0..10 {
                    let number = producer * 10 + number;
                    match tx.send(number).await {
                        Ok(()) => sent.push(number),
                        Err(SendError(number)) => back.push(number),
                    }
                    sleep(Duration::from_millis(7)).await;
                }
                (sent, back)
            });
        }
        drop(tx);
        let mut received = Vec::new();
        let end = Instant::now() + moment;
        while let Ok(Some(number)) = tokio::time::timeout_at(end, rx.recv()).await {
            received.push(number);
            sleep(Duration::from_millis(2)).await;
        }
        rx.close();
        received.extend(collect(&mut rx).await);
        let (sent, back): (Vec<_>, Vec<_>) = producers.join_all().await.into_iter().unzip();
        let (mut sent, mut all) = (sent.concat(), back.concat());
        received.sort_unstable();
        sent.sort_unstable();
        assert_eq!(received, sent, "{moment:?}");
        all.extend(received);
        all.sort_unstable();
        assert_eq!(all, (0..40).collect::<Vec<_>>(), "{moment:?}");
    }
}

/// What chapter 11 does with each await: drop it there. `recv` loses nothing, `send` its item.
#[tokio::test(start_paused = true)]
async fn a_dropped_recv_has_taken_nothing() {
    let (tx, mut rx) = mpsc::channel(1);
    {
        let mut recv = std::pin::pin!(rx.recv());
        assert!(timeout(TENTH, &mut recv).await.is_err());
        tx.send(1).await.unwrap(); // wakes it; it is dropped before its next poll
    }
    assert_eq!(rx.try_recv(), Ok(1));
}

#[tokio::test(start_paused = true)]
async fn recv_many_takes_what_is_there() {
    let (tx, mut rx) = mpsc::channel(8);
    for number in 1..=5 {
        tx.send(number).await.unwrap();
    }
    let mut batch = Vec::new();
    assert_eq!(rx.recv_many(&mut batch, 3).await, 3);
    assert_eq!(
        rx.recv_many(&mut batch, 3).await,
        2,
        "it does not wait for more"
    );
    assert_eq!(batch, [1, 2, 3, 4, 5]);
    drop(tx);
    assert_eq!(rx.recv_many(&mut batch, 3).await, 0);
}

/// As many items as there are, at most `most`, and at the latest `time` after the first of them.
/// None: the channel has ended.
async fn batch<T>(rx: &mut Receiver<T>, most: usize, time: Duration) -> Option<Vec<T>> {
    let mut batch = vec![rx.recv().await?];
    let deadline = Instant::now() + time;
    // `recv` may be dropped at the deadline: it has then taken nothing.
    while batch.len() < most
        && let Ok(Some(item)) = tokio::time::timeout_at(deadline, rx.recv()).await
    {
        batch.push(item);
    }
    Some(batch)
}

/// The first of the tasks under "Make".
#[tokio::test(start_paused = true)]
async fn batches_are_full_or_in_time() {
    let (tx, mut rx) = mpsc::channel(100);
    for number in 0..25 {
        tx.send(number).await.unwrap();
    }
    let start = Instant::now();
    assert_eq!(batch(&mut rx, 10, TENTH).await.unwrap().len(), 10);
    assert_eq!(batch(&mut rx, 10, TENTH).await.unwrap().len(), 10);
    assert_eq!(start.elapsed(), Duration::ZERO);
    let rest = batch(&mut rx, 10, TENTH).await;
    assert_eq!(rest, Some(vec![20, 21, 22, 23, 24]));
    assert_eq!(start.elapsed(), TENTH);
    let step = Duration::from_millis(75);
    tokio::spawn(async move {
        for number in 0..3 {
            sleep(step).await;
            tx.send(number).await.unwrap();
        }
    });
    // The time counts from the first item: 75 ms to 175 ms.
    assert_eq!(batch(&mut rx, 10, TENTH).await, Some(vec![0, 1]));
    assert_eq!(start.elapsed(), TENTH + step + TENTH);
    // The end of the channel ends the last batch, before its time.
    assert_eq!(batch(&mut rx, 10, TENTH).await, Some(vec![2]));
    assert_eq!(start.elapsed(), TENTH + 3 * step);
    assert_eq!(batch(&mut rx, 10, TENTH).await, None);
}

/// The second one: who drops what finds no place loses it, and holds up nobody.
#[tokio::test(start_paused = true)]
async fn what_finds_no_place_is_dropped_and_counted() {
    let (tx, mut rx) = mpsc::channel(5);
    let producer = tokio::spawn(async move {
        let mut tick = tokio::time::interval(TENTH);
        let mut dropped = 0;
        loop {
            tick.tick().await;
            match tx.try_send(()) {
                Ok(()) => {}
                Err(TrySendError::Full(())) => dropped += 1,
                Err(TrySendError::Closed(())) => return dropped,
            }
        }
    });
    sleep(TENTH / 2).await;
    for _ in 0..15 {
        rx.recv().await.unwrap();
        sleep(2 * TENTH).await;
    }
    assert_eq!(rx.len(), 5);
    drop(rx);
    // 31 were made, 15 taken, and 5 waited.
    assert_eq!(producer.await.unwrap(), 11);
}
