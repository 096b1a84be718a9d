//! Items that are lost, a queue that grows, queues that wait for each other, and threads.

use std::collections::VecDeque;
use std::thread;

use common::{Stage, Trace as _};
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, interval, sleep, timeout};

use crate::{TENTH, collect, seconds_since};

/// An item that cannot be copied, as most cannot.
#[derive(Debug)]
struct Letter(u32);

/// Five letters into a channel with one place, whose consumer takes one every half second. A letter
/// that finds no place within 0.3 seconds should be kept.
pub(crate) async fn cancel() {
    let (tx, received) = slow_consumer();
    for number in 1..=5 {
        // The letter moves into the future of `send`, and is dropped with it.
        let _ = timeout(3 * TENTH, tx.send(Letter(number))).await;
    }
    report("send in a timeout", tx, received, &[]).await;

    let (tx, received) = slow_consumer();
    let mut kept = Vec::new();
    for number in 1..=5 {
        if let Err(SendTimeoutError::Timeout(letter)) =
            tx.send_timeout(Letter(number), 3 * TENTH).await
        {
            kept.push(letter);
        }
    }
    report("send_timeout", tx, received, &kept).await;

    let (tx, received) = slow_consumer();
    let mut kept = Vec::new();
    for number in 1..=5 {
        let letter = Letter(number);
        match timeout(3 * TENTH, tx.reserve()).await {
            Ok(Ok(place)) => place.send(letter),
            _ => kept.push(letter),
        }
    }
    report("reserve in a timeout", tx, received, &kept).await;

    // The other end loses nothing: `recv` takes an item in the poll in which it returns it.
    let (tx, mut rx) = mpsc::channel(1);
    tokio::spawn(async move {
        for number in 1..=3 {
            sleep(TENTH * 5 / 2).await;
            let _ = tx.send(Letter(number)).await;
        }
    });
    let (mut numbers, mut dropped) = (Vec::new(), 0);
    loop {
        match timeout(TENTH, rx.recv()).await {
            Ok(Some(letter)) => numbers.push(letter.0),
            Ok(None) => break,
            Err(_) => dropped += 1,
        }
    }
    println!("recv in a timeout: received {numbers:?}, dropped {dropped} times");
}

fn slow_consumer() -> (Sender<Letter>, oneshot::Receiver<Vec<u32>>) {
    let (tx, mut rx) = mpsc::channel::<Letter>(1);
    let (answer, received) = oneshot::channel();
    tokio::spawn(async move {
        let mut numbers = Vec::new();
        while let Some(letter) = rx.recv().await {
            numbers.push(letter.0);
            sleep(5 * TENTH).await;
        }
        let _ = answer.send(numbers);
    });
    (tx, received)
}

async fn report(
    name: &str,
    tx: Sender<Letter>,
    received: oneshot::Receiver<Vec<u32>>,
    kept: &[Letter],
) {
    drop(tx);
    let received = received.await.unwrap_or_default();
    let kept: Vec<u32> = kept.iter().map(|letter| letter.0).collect();
    println!("{name}: received {received:?}, kept {kept:?}");
}

/// A megabyte. Not of zeros: such memory is not there until it is used.
fn message() -> Vec<u8> {
    vec![1; 1_000_000]
}

/// Ten messages a second come, and five are taken.
pub(crate) async fn unbounded(measure: bool) {
    let before = measure.then(memory).flatten();
    let (tx, mut rx) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut tick = interval(TENTH);
        loop {
            tick.tick().await;
            // An ordinary function, which never waits. It fails when the receiver is gone.
            if tx.send(message()).is_err() {
                return;
            }
        }
    });
    sleep(TENTH / 2).await;
    for second in 1..=3 {
        for _ in 0..5 {
            let _message = rx.recv().await;
            sleep(2 * TENTH).await;
        }
        let waiting = rx.len();
        println!(
            "no bound: {second}.0 s, {waiting} wait{}",
            memory_since(before)
        );
    }
    drop(rx);
    yield_now().await; // the producer notices

    let before = measure.then(memory).flatten();
    let (tx, mut rx) = mpsc::channel(5);
    tokio::spawn(async move {
        let mut tick = interval(TENTH);
        loop {
            tick.tick().await;
            if tx.send(message()).await.is_err() {
                return;
            }
        }
    });
    sleep(TENTH / 2).await;
    for second in 1..=3 {
        for _ in 0..5 {
            let _message = rx.recv().await;
            sleep(2 * TENTH).await;
        }
        let waiting = rx.len();
        println!(
            "bound 5: {second}.0 s, {waiting} wait{}",
            memory_since(before)
        );
    }
}

/// The memory of this process in bytes, where the system tells.
fn memory() -> Option<usize> {
    Some(memory_stats::memory_stats()?.physical_mem)
}

fn memory_since(before: Option<usize>) -> String {
    match before.zip(memory()) {
        Some((before, now)) => format!(", {} MB more", now.saturating_sub(before) / 1_000_000),
        None => String::new(),
    }
}

/// Reads a page, and returns what it links to. Of pages 1 to 7 the first three link to two others.
async fn visit(page: u32) -> Vec<u32> {
    sleep(TENTH).await;
    if page <= 3 {
        vec![2 * page, 2 * page + 1]
    } else {
        Vec::new()
    }
}

/// The mistake: it sends what it finds into the queue that only it empties.
async fn crawl_with_channel(capacity: usize) -> Vec<u32> {
    let (tx, mut rx) = mpsc::channel(capacity);
    let _ = tx.send(1).await;
    let mut visited = Vec::new();
    while visited.len() < 7 {
        let Some(page) = rx.recv().await else {
            break;
        };
        visited.push(page);
        for link in visit(page).traced(format_args!("visit({page})")).await {
            let _ = tx.send(link).await;
        }
    }
    visited
}

/// The cure: what it has found and not yet visited is its own affair.
async fn crawl_with_list() -> Vec<u32> {
    let mut found = VecDeque::from([1]);
    let mut visited = Vec::new();
    while let Some(page) = found.pop_front() {
        visited.push(page);
        found.extend(visit(page).traced(format_args!("visit({page})")).await);
    }
    visited
}

/// Answers each question. It reads no further before its answer has a place.
async fn answer(mut questions: Receiver<u32>, answers: Sender<u32>) {
    while let Some(number) = questions.recv().await {
        if answers.send(number * number).await.is_err() {
            return;
        }
    }
}

/// The mistake: all questions first, then all answers.
async fn ask_then_listen(questions: Sender<u32>, mut answers: Receiver<u32>) -> Vec<u32> {
    for number in 1..=5 {
        let _ = questions.send(number).await;
    }
    drop(questions);
    collect(&mut answers).await
}

/// The cure: both at once.
async fn ask_and_listen(questions: Sender<u32>, mut answers: Receiver<u32>) -> Vec<u32> {
    let ask = async move {
        for number in 1..=5 {
            let _ = questions.send(number).await;
        }
    };
    tokio::join!(ask, collect(&mut answers)).1
}

/// Queues that wait for each other, and one that waits for itself.
pub(crate) async fn cycle(stage: &Stage) {
    let all = crawl_with_channel(2).traced("crawl()");
    give_up("crawl, channel", all).await;

    stage.scene("crawl_with_list");
    give_up("crawl, list", crawl_with_list().traced("crawl()")).await;

    stage.scene("ask_then_listen");
    let (questions, asked) = mpsc::channel(1);
    let (answered, answers) = mpsc::channel(1);
    let answering = tokio::spawn(answer(asked, answered).traced("answer()"));
    let all = ask_then_listen(questions, answers).traced("ask()");
    give_up("ask, then listen", all).await;
    let _ = answering.await; // its channels are gone, so it ends

    stage.scene("ask_and_listen");
    let (questions, asked) = mpsc::channel(1);
    let (answered, answers) = mpsc::channel(1);
    let answering = tokio::spawn(answer(asked, answered).traced("answer()"));
    let all = ask_and_listen(questions, answers).traced("ask()");
    give_up("ask and listen", all).await;
    let _ = answering.await; // its channels are gone, so it ends
}

/// A deadlock of queues is silent: nobody runs, and nobody fails. So it gets a deadline.
async fn give_up(name: &str, work: impl Future<Output = Vec<u32>>) {
    let start = Instant::now();
    match timeout(10 * TENTH, work).await {
        Ok(numbers) => println!("{name}: {numbers:?}"),
        Err(_) => println!(
            "{name}: stuck, given up after {:.1} s",
            seconds_since(start)
        ),
    }
}

/// A thread that knows nothing of tokio, at the other end of two channels.
pub(crate) async fn thread() {
    let (tx, mut numbers) = mpsc::channel::<u32>(1);
    let (squares, mut rx) = mpsc::channel(1);
    let worker = thread::spawn(move || {
        while let Some(number) = numbers.blocking_recv() {
            if squares.blocking_send(number * number).is_err() {
                return;
            }
        }
    });
    for number in 1..=3 {
        let _ = tx.send(number).await;
        if let Some(square) = rx.recv().await {
            println!("{number} squared: {square}");
        }
    }
    drop(tx); // so the loop of the thread ends, and with it the other channel
    println!("then: {:?}", rx.recv().await);
    let _ = worker.join(); // fails if it has panicked
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test(start_paused = true)]
    async fn a_dropped_send_drops_its_item() {
        let (tx, mut rx) = mpsc::channel(1);
        let item = std::sync::Arc::new(());
        tx.send(None).await.unwrap();
        let given = Some(std::sync::Arc::clone(&item));
        assert!(timeout(TENTH, tx.send(given)).await.is_err());
        assert_eq!(std::sync::Arc::strong_count(&item), 1, "it is gone");
        assert!(rx.recv().await.unwrap().is_none());
        assert!(rx.try_recv().is_err());

        // `select!` drops the arm that loses.
        tx.send(None).await.unwrap();
        tokio::select! {
            biased;
            _ = tx.send(Some(std::sync::Arc::clone(&item))) => unreachable!("it is full"),
            () = sleep(TENTH) => {}
        }
        assert_eq!(std::sync::Arc::strong_count(&item), 1);
        assert!(rx.recv().await.unwrap().is_none());
        assert!(rx.try_recv().is_err());

        // A task that is aborted.
        tx.send(None).await.unwrap();
        let task = tokio::spawn({
            let (tx, item) = (tx.clone(), std::sync::Arc::clone(&item));
            async move { tx.send(Some(item)).await.is_ok() }
        });
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(std::sync::Arc::strong_count(&item), 1);
        assert!(rx.recv().await.unwrap().is_none());
        assert!(rx.try_recv().is_err());

        // Also where it is dropped before its first poll.
        drop(tx.send(Some(std::sync::Arc::clone(&item))));
        assert_eq!(std::sync::Arc::strong_count(&item), 1);
        assert!(rx.try_recv().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_reserve_gives_its_place_back() {
        let (tx, mut rx) = mpsc::channel(1);
        tx.send(1).await.unwrap();
        {
            let mut reserve = std::pin::pin!(tx.reserve());
            assert!(timeout(TENTH, &mut reserve).await.is_err());
            assert_eq!(rx.recv().await, Some(1)); // the place is given to it
            assert_eq!(tx.try_send(2).ok(), None);
        }
        assert_eq!(tx.try_send(2), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_bound_the_queue_grows_and_with_one_it_does_not() {
        let (tx, mut rx) = mpsc::unbounded_channel();
        for number in 0..10_000 {
            tx.send(number).unwrap();
        }
        assert_eq!(rx.len(), 10_000);
        drop(tx);
        let mut all = Vec::new();
        while let Some(number) = rx.recv().await {
            all.push(number);
        }
        assert_eq!(all, (0..10_000).collect::<Vec<_>>());
    }

    /// The detector for a deadlock: nobody can go on, so the paused clock jumps to the deadline.
    #[tokio::test(start_paused = true)]
    async fn a_queue_that_only_its_producer_empties_gets_stuck() {
        for capacity in 1..=3 {
            let crawl = timeout(HOUR, crawl_with_channel(capacity)).await;
            assert!(crawl.is_err(), "{capacity}");
        }
        // It depends on what is found: enough for this site, and not for the next.
        let start = Instant::now();
        assert_eq!(crawl_with_channel(4).await, crawl_with_list().await);
        assert_eq!(start.elapsed(), 14 * TENTH);
    }

    async fn ask_with<F>(
        capacity: usize,
        ask: impl FnOnce(Sender<u32>, Receiver<u32>) -> F,
    ) -> Option<Vec<u32>>
    where
        F: Future<Output = Vec<u32>>,
    {
        let (questions, asked) = mpsc::channel(capacity);
        let (answered, answers) = mpsc::channel(capacity);
        tokio::spawn(answer(asked, answered));
        timeout(HOUR, ask(questions, answers)).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn two_bounded_queues_in_a_circle_get_stuck() {
        let all = Some(vec![1, 4, 9, 16, 25]);
        // One in the hands of `answer`, and as many as there are places.
        assert_eq!(ask_with(1, ask_then_listen).await, None);
        assert_eq!(ask_with(2, ask_then_listen).await, all);
        assert_eq!(ask_with(1, ask_and_listen).await, all);
    }

    #[tokio::test]
    #[should_panic(expected = "Cannot block the current thread from within a runtime")]
    async fn blocking_send_panics_in_a_task() {
        let (tx, _rx) = mpsc::channel(1);
        let _ = tx.blocking_send(1);
    }

    #[tokio::test]
    #[should_panic(expected = "Cannot block the current thread from within a runtime")]
    async fn blocking_recv_panics_in_a_task() {
        let (_tx, mut rx) = mpsc::channel::<u32>(1);
        let _ = rx.blocking_recv();
    }

    /// Also there when the runtime is another thread's.
    #[tokio::test]
    async fn a_thread_may_block_at_both_ends() {
        let (tx, mut rx) = mpsc::channel(1);
        let producer = thread::spawn(move || {
            for number in 0..100 {
                tx.blocking_send(number).unwrap();
            }
        });
        assert_eq!(collect(&mut rx).await, (0..100).collect::<Vec<_>>());
        producer.join().unwrap();
        let (tx, mut rx) = mpsc::channel(1);
        let consumer = tokio::task::spawn_blocking(move || rx.blocking_recv());
        tx.send(1).await.unwrap();
        assert_eq!(consumer.await.unwrap(), Some(1));
    }
}
