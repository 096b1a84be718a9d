//! Four ways in which `select!` and `timeout` do not do what they seem to say.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use common::Trace as _;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{SECOND, seconds_since};

/// A message every 0.6 seconds, five in all.
fn messages() -> mpsc::Receiver<u32> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        for number in 1..=5 {
            sleep(SECOND * 6 / 10).await;
            if sender.send(number).await.is_err() {
                return; // nobody listens any more
            }
        }
    });
    receiver
}

/// The trap: each turn of the loop makes a new sleep of one second, and drops the old one.
async fn receive_with_sleep_in_the_loop() -> u32 {
    let mut messages = messages();
    let mut received = 0;
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                Some(_) => received += 1,
                None => break,
            },
            () = sleep(SECOND) => {
                println!("a second is over");
                break;
            }
        }
    }
    received
}

/// The cure: one sleep, made before the loop. `&mut` lends it to `select!`, turn by turn.
async fn receive_with_sleep_before_the_loop() -> u32 {
    let mut messages = messages();
    let mut received = 0;
    let mut deadline = pin!(sleep(SECOND));
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                Some(_) => received += 1,
                None => break,
            },
            () = &mut deadline => {
                println!("a second is over");
                break;
            }
        }
    }
    received
}

/// A second may pass without the timer that waits for it.
pub(crate) async fn timer() {
    let start = Instant::now();
    let received = receive_with_sleep_in_the_loop().await;
    let seconds = seconds_since(start);
    println!("timer in the loop: {received} received in {seconds:.1} s");

    let start = Instant::now();
    let received = receive_with_sleep_before_the_loop().await;
    let seconds = seconds_since(start);
    println!("timer before the loop: {received} received in {seconds:.1} s");
}

/// Adds one when it gets the lock.
async fn update(counter: Arc<Mutex<u32>>) {
    *counter.lock().await += 1;
}

/// Gives `update` one second. If that does not do, looks at the counter, for which it needs the
/// same lock.
async fn impatient(counter: &Mutex<u32>, update: impl Future) -> u32 {
    tokio::select! {
        biased; // so that each run draws the same picture
        _ = update => *counter.lock().await,
        () = sleep(SECOND) => *counter.lock().await,
    }
}

/// A counter that somebody holds for two seconds.
async fn held_counter() -> Arc<Mutex<u32>> {
    let counter = Arc::new(Mutex::new(0));
    let guard = Arc::clone(&counter).lock_owned().await;
    let hold = async move {
        sleep(2 * SECOND).await;
        drop(guard);
    };
    tokio::spawn(hold.traced("hold(2)"));
    counter
}

/// Lends the update to `select!`, and keeps it.
async fn kept() {
    let start = Instant::now();
    let counter = held_counter().await;
    let mut update = pin!(update(Arc::clone(&counter)).traced("update()"));
    // After one second nobody polls `update` any more. After two it is given the lock, and nobody
    // polls it: it can neither use the lock nor give it back.
    let read = impatient(&counter, &mut update).traced("impatient(kept)");
    let answer = timeout(5 * SECOND, read).await;
    let seconds = seconds_since(start);
    match answer {
        Ok(count) => println!("kept: the counter is {count}, after {seconds:.1} s"),
        Err(_) => println!("kept: stuck, given up after {seconds:.1} s"),
    }
}

/// Gives the update away: `select!` drops it before the arm runs, and so it leaves the queue.
async fn owned() {
    let start = Instant::now();
    let counter = held_counter().await;
    let update = update(Arc::clone(&counter)).traced("update()");
    let read = impatient(&counter, update).traced("impatient(owned)");
    let count = read.await;
    let seconds = seconds_since(start);
    println!("owned: the counter is {count}, after {seconds:.1} s");
}

/// Spawns the update: the runtime polls it, whatever becomes of its handle.
async fn task() {
    let start = Instant::now();
    let counter = held_counter().await;
    let update = tokio::spawn(update(Arc::clone(&counter)).traced("update()"));
    let read = impatient(&counter, update).traced("impatient(task)");
    let count = read.await;
    let seconds = seconds_since(start);
    println!("task: the counter is {count}, after {seconds:.1} s");
}

/// A future that is kept and not polled keeps its place in the queue for a lock.
pub(crate) async fn futurelock() {
    kept().await;
    owned().await;
    task().await;
}

/// A timeout is a future too: while the thread is blocked, nobody looks at the clock.
pub(crate) async fn blocking() {
    let blocks = async {
        std::thread::sleep(Duration::from_millis(50)); // the mistake
        "done"
    };
    match timeout(Duration::from_millis(10), blocks).await {
        Ok(done) => println!("50 ms of blocking are {done}, the timeout of 10 ms did not fire"),
        Err(_) => println!("timed out"),
    }
}

/// A queue with a thousand messages, and a token that was cancelled before the first one is taken.
fn busy_and_cancelled() -> (mpsc::Receiver<u32>, CancellationToken) {
    let (sender, queue) = mpsc::channel(1000);
    for message in 0..1000 {
        // It fits: there are a thousand places.
        let _ = sender.try_send(message);
    }
    // The sender lives on, so that an empty queue is not a closed one.
    tokio::spawn(async move { sender.closed().await });
    let token = CancellationToken::new();
    token.cancel();
    (queue, token)
}

/// Several arms are ready: which one is taken?
pub(crate) async fn order() {
    let (mut queue, token) = busy_and_cancelled();
    let mut handled = 0;
    loop {
        tokio::select! {
            biased;
            Some(_) = queue.recv() => handled += 1,
            () = token.cancelled() => break,
        }
    }
    println!("queue first: {handled} messages after it was told to stop");

    let (mut queue, token) = busy_and_cancelled();
    let mut handled = 0;
    loop {
        tokio::select! {
            biased;
            () = token.cancelled() => break,
            Some(_) = queue.recv() => handled += 1,
        }
    }
    println!("token first: {handled} messages after it was told to stop");

    let (mut queue, token) = busy_and_cancelled();
    let mut handled = 0;
    loop {
        tokio::select! {
            Some(_) = queue.recv() => handled += 1,
            () = token.cancelled() => break,
        }
    }
    // A coin is tossed for each: one message on average.
    let some = if handled < 1000 { "some" } else { "all" };
    println!("no order: {some} messages after it was told to stop");
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::timeline::{self, What};
    use tokio::sync::Semaphore;

    #[tokio::test(start_paused = true)]
    async fn a_timer_made_in_the_loop_never_fires() {
        let start = Instant::now();
        assert_eq!(receive_with_sleep_in_the_loop().await, 5);
        assert_eq!(start.elapsed(), 3 * SECOND);

        let start = Instant::now();
        assert_eq!(receive_with_sleep_before_the_loop().await, 1);
        assert_eq!(start.elapsed(), SECOND);
    }

    /// The detector: a program that only waits for itself does not end, so its test has a deadline.
    /// On the paused clock an hour costs nothing.
    #[tokio::test(start_paused = true)]
    async fn a_kept_future_locks_its_owner_out() {
        let hour = Duration::from_hours(1);
        let counter = held_counter().await;
        let mut update = pin!(update(Arc::clone(&counter)));
        let read = impatient(&counter, &mut update);
        assert!(timeout(hour, read).await.is_err(), "no futurelock");
        // Nobody has the lock: it waits for one who does not come.
        assert!(counter.try_lock().is_err());
        // The cure in place: go on polling it.
        update.await;
        assert_eq!(*counter.lock().await, 1);
    }

    /// Polls `kept` for a second, and then waits for `wanted` alone: whether that ends.
    async fn ends(kept: impl Future, wanted: impl Future) -> bool {
        let mut kept = pin!(kept);
        let both = async {
            tokio::select! {
                biased;
                _ = &mut kept => unreachable!("it waits for longer"),
                () = sleep(SECOND) => wanted.await,
            }
        };
        timeout(Duration::from_hours(1), both).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_has_a_queue_can_be_locked_so() {
        let permits = Semaphore::new(1);
        let held = permits.acquire().await.unwrap();
        let later = async {
            sleep(2 * SECOND).await;
            drop(held);
        };
        let stuck = ends(permits.acquire(), permits.acquire());
        assert!(!tokio::join!(stuck, later).0);

        let (sender, mut receiver) = mpsc::channel(1);
        sender.send(0).await.unwrap();
        let later = async {
            sleep(2 * SECOND).await;
            receiver.recv().await
        };
        let stuck = ends(sender.send(1), sender.send(2));
        assert!(!tokio::join!(stuck, later).0);
        assert_eq!(
            receiver.try_recv().ok(),
            None,
            "the place is given away, and empty"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn reserve_is_no_cure() {
        let (sender, mut receiver) = mpsc::channel(1);
        sender.send(0).await.unwrap();
        let later = async {
            sleep(2 * SECOND).await;
            receiver.recv().await
        };
        let stuck = ends(sender.reserve(), sender.reserve());
        assert!(!tokio::join!(stuck, later).0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_kept_future_is_woken_and_never_polled_again() {
        let ((), recording) = timeline::record(kept()).await;
        let row = recording.tasks.iter().position(|name| name == "update()");
        let row = row.unwrap();
        let life: Vec<(u64, &What)> = recording
            .events
            .iter()
            .filter(|event| {
                let (What::Poll { task, .. }
                | What::Woken { task, .. }
                | What::Dropped { task, .. }) = event.what
                else {
                    return false;
                };
                task == row
            })
            .map(|event| (event.at.as_secs(), &event.what))
            .collect();
        // Its last poll is that of the `select!`, when the second is over.
        assert!(matches!(life[0], (0, What::Poll { .. })), "{life:?}");
        assert!(matches!(life[1], (1, What::Poll { .. })), "{life:?}");
        assert!(matches!(life[2], (2, What::Woken { .. })), "{life:?}");
        assert!(matches!(life[3], (5, What::Dropped { .. })), "{life:?}");
        assert_eq!(life.len(), 4, "{life:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn owned_or_spawned_it_does_no_harm() {
        let start = Instant::now();
        let counter = held_counter().await;
        let owned = update(Arc::clone(&counter));
        assert_eq!(impatient(&counter, owned).await, 0);
        assert_eq!(start.elapsed(), 2 * SECOND);

        let counter = held_counter().await;
        let task = tokio::spawn(update(Arc::clone(&counter)));
        assert_eq!(impatient(&counter, task).await, 1);
        assert_eq!(start.elapsed(), 4 * SECOND);
    }

    // On the real clock: blocking takes no virtual time.
    #[tokio::test]
    async fn a_timeout_does_not_interrupt_a_thread() {
        let late = async {
            std::thread::sleep(Duration::from_millis(30));
            "late"
        };
        assert_eq!(timeout(Duration::from_millis(1), late).await, Ok("late"));

        let waits_afterwards = async {
            std::thread::sleep(Duration::from_millis(30));
            std::future::pending::<()>().await;
        };
        let start = Instant::now();
        assert!(
            timeout(Duration::from_millis(1), waits_afterwards)
                .await
                .is_err()
        );
        assert!(
            start.elapsed() >= Duration::from_millis(30),
            "it fired in time"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn without_biased_the_first_arm_to_be_polled_is_random() {
        let mut first = 0;
        for _ in 0..1000 {
            tokio::select! {
                () = std::future::ready(()) => first += 1,
                () = std::future::ready(()) => {}
            }
        }
        assert!(0 < first && first < 1000, "{first}");
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "all branches are disabled and there is no else branch")]
    async fn an_arm_whose_pattern_does_not_match_is_switched_off() {
        let (_, mut closed) = mpsc::channel::<u32>(1);
        tokio::select! {
            Some(_) = closed.recv() => {}
        }
    }
}
