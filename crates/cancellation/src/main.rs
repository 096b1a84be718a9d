//! Cancellation: a future that is cancelled is dropped at an await, and nothing of it runs on.
//!
//! You will see five ways to stop work that is under way, what happens to its cleanup, four traps
//! that stop a program without a word, and a laboratory that finds out at which await an operation
//! loses its data.
//!
//! ```console
//! $ cargo run -p cancellation
//! $ cargo run -p cancellation -- timeout shield
//! ```
//!
//! In Python: `asyncio.timeout`, `task.cancel()`, `asyncio.shield`, and an exception,
//! `CancelledError`, that is raised at the await.

mod experiments;
mod traps;

use std::process::ExitCode;
use std::time::Duration;

use common::{Stage, Trace as _};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

const SECOND: Duration = Duration::from_secs(1);

/// What a piece of work must put away in the end. `Drop` is Rust's `finally`: it runs when the work
/// is done, when it fails, and when it is cancelled. But it cannot await.
struct Tools(u32);

impl Drop for Tools {
    fn drop(&mut self) {
        println!("work({}): tools put away", self.0);
    }
}

/// Work that takes some seconds.
async fn work(seconds: u32) -> u32 {
    let _tools = Tools(seconds);
    println!("work({seconds}): begins");
    sleep(seconds * SECOND).await;
    println!("work({seconds}): done");
    seconds
}

/// When the time is over, `timeout` returns, and the future inside it is dropped.
async fn time_out() {
    let start = Instant::now();
    let future = work(5).traced("work(5)");
    match timeout(2 * SECOND, future).await {
        Ok(result) => println!("result: {result}"),
        Err(_) => println!("gave up after {:.1} s", seconds_since(start)),
    }
}

/// In Python it could catch the cancellation and go on. Here there is nothing to catch.
async fn stubborn() -> &'static str {
    sleep(5 * SECOND).await;
    "a late value"
}

async fn refuse() {
    let start = Instant::now();
    match timeout(SECOND, stubborn().traced("stubborn()")).await {
        Ok(value) => println!("stubborn: {value}, after {:.1} s", seconds_since(start)),
        Err(_) => println!("stubborn: gone, after {:.1} s", seconds_since(start)),
    }
}

/// Of two futures the first to complete. The other one is dropped before the answer is printed.
async fn select() {
    let start = Instant::now();
    let first = tokio::select! {
        biased; // poll from top to bottom; without it, `select!` begins with a random one
        first = work(1).traced("work(1)") => first,
        first = work(3).traced("work(3)") => first,
    };
    println!("first: work({first}), after {:.1} s", seconds_since(start));
}

/// A task is cancelled from outside. It cannot refuse, and it does not happen at once.
async fn abort() {
    let task = tokio::spawn(work(5).traced("work(5)"));
    sleep(SECOND).await;
    task.abort();
    println!("asked it to stop");
    match task.await {
        Ok(result) => println!("result: {result}"),
        Err(error) if error.is_cancelled() => println!("it was cancelled"),
        Err(error) => println!("it failed: {error}"),
    }

    let task = tokio::spawn(work(6).traced("work(6)"));
    task.abort(); // before its first poll
    if task.await.is_err() {
        println!("it never began");
    }
}

/// Counts until the token says stop, and then does what a dropped future cannot: it awaits.
async fn worker(number: u32, token: CancellationToken) {
    let mut rounds = 0;
    while token.run_until_cancelled(sleep(SECOND)).await.is_some() {
        rounds += 1;
    }
    println!("worker({number}): told to stop after {rounds} rounds");
    sleep(SECOND / 2).await; // writes them down
    println!("worker({number}): saved");
}

/// A token asks. Who is asked finishes in its own time.
async fn token() {
    let everyone = CancellationToken::new();
    let one = everyone.child_token();
    let first = tokio::spawn(worker(1, one.clone()).traced("worker(1)"));
    let second = tokio::spawn(worker(2, everyone.child_token()).traced("worker(2)"));
    sleep(SECOND * 5 / 2).await;
    one.cancel(); // only this one
    sleep(SECOND * 2).await;
    everyone.cancel(); // and its children
    let (first, second) = tokio::join!(first, second);
    if first.and(second).is_ok() {
        println!("both have saved");
    }
}

/// A task outlives the one who waits for it, unless the handle says otherwise.
async fn shield() {
    let start = Instant::now();
    let payment = tokio::spawn(work(3).traced("work(3)"));
    if timeout(SECOND, payment).await.is_err() {
        println!("gave up waiting after {:.1} s", seconds_since(start));
    }
    sleep(3 * SECOND).await;

    let start = Instant::now();
    let draft = AbortOnDropHandle::new(tokio::spawn(work(4).traced("work(4)")));
    if timeout(SECOND, draft).await.is_err() {
        // The task is told to stop, and the runtime drops it in its next turn.
        tokio::task::yield_now().await;
        println!("gave up the work after {:.1} s", seconds_since(start));
    }
}

/// Cleanup that has to wait.
async fn goodbye() {
    sleep(SECOND).await;
    println!("connection: said goodbye");
}

/// A connection that ought to be closed with a goodbye.
struct Connection {
    goodbyes: TaskTracker,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // `Drop` cannot await, but a task can. The tracker lets somebody wait for it: a task alone
        // is dropped in its turn when `main` returns.
        self.goodbyes.spawn(goodbye().traced("goodbye()"));
    }
}

/// Cleanup that must await, of a future that is dropped.
async fn cleanup() {
    let start = Instant::now();
    let goodbyes = TaskTracker::new();
    let connection = Connection {
        goodbyes: goodbyes.clone(),
    };
    let session = async move {
        let _connection = connection;
        sleep(5 * SECOND).await;
    };
    if timeout(SECOND, session.traced("session()")).await.is_err() {
        println!("session: given up after {:.1} s", seconds_since(start));
    }
    goodbyes.close();
    goodbyes.wait().await;
    println!("all is clean after {:.1} s", seconds_since(start));
}

/// What each operation loses when it is dropped at each of its awaits.
async fn laboratory() {
    for report in experiments::all().await {
        println!("{report}");
    }
}

fn seconds_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64()
}

const PARTS: [&str; 12] = [
    "timeout",
    "refuse",
    "select",
    "abort",
    "token",
    "shield",
    "cleanup",
    "timer",
    "futurelock",
    "blocking",
    "order",
    "laboratory",
];

// One thread, like asyncio's event loop.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage = Stage::new("Cancellation: a future that is cancelled is dropped at an await.")
        .arguments(
            "PART...",
            "timeout, refuse, select, abort, token, shield, cleanup, timer, futurelock, \
             blocking, order, laboratory (default: all)",
        )
        .begin()
        .await;
    let wanted = stage.positional();
    if let Some(part) = wanted.iter().find(|part| !PARTS.contains(&part.as_str())) {
        stage.usage_error(format_args!("there is no part {part:?}; see --help"));
    }
    for part in PARTS {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == part) {
            continue;
        }
        println!("-- {part}");
        stage.scene(part);
        match part {
            "timeout" => time_out().await,
            "refuse" => refuse().await,
            "select" => select().await,
            "abort" => abort().await,
            "token" => token().await,
            "shield" => shield().await,
            "cleanup" => cleanup().await,
            "timer" => traps::timer().await,
            "futurelock" => traps::futurelock().await,
            "blocking" => traps::blocking().await,
            "order" => traps::order().await,
            _ => laboratory().await,
        }
    }
    stage.finish()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use common::timeline::{self, Recording, What};
    use tokio::task::yield_now;

    fn polls(recording: &Recording) -> usize {
        let is_poll = |what: &What| matches!(what, What::Poll { .. });
        let events = recording.events.iter();
        events.filter(|event| is_poll(&event.what)).count()
    }

    // The clock is paused: it jumps to the next timer whenever every task waits, so these tests
    // take no time and their durations are exact.
    #[tokio::test(start_paused = true)]
    async fn a_timeout_drops_its_future_at_the_deadline() {
        let start = Instant::now();
        let reached = Cell::new(false);
        let future = async {
            sleep(5 * SECOND).await;
            reached.set(true);
        };
        assert!(timeout(2 * SECOND, future).await.is_err());
        assert_eq!(start.elapsed(), 2 * SECOND);
        sleep(10 * SECOND).await;
        assert!(!reached.get(), "code after the await ran");
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_deadline_the_future_has_one_more_poll() {
        let (result, recording) =
            timeline::record(async { timeout(SECOND, work(2).traced("work(2)")).await }).await;
        assert!(result.is_err());
        assert_eq!(polls(&recording), 2);
        // If it is through in that poll, it wins.
        assert_eq!(timeout(SECOND, work(1)).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_arm_runs_when_the_losers_are_gone() {
        struct Guard<'a>(&'a Cell<bool>);
        impl Drop for Guard<'_> {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let dropped = Cell::new(false);
        let loser = async {
            let _guard = Guard(&dropped);
            sleep(2 * SECOND).await;
        };
        tokio::select! {
            () = loser => unreachable!("it takes longer"),
            () = sleep(SECOND) => assert!(dropped.get()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn abort_asks_and_the_runtime_drops() {
        let counter = Arc::new(AtomicU32::new(0));
        let held = Arc::clone(&counter);
        let task = tokio::spawn(async move {
            sleep(5 * SECOND).await;
            drop(held);
        });
        yield_now().await;
        task.abort();
        assert_eq!(Arc::strong_count(&counter), 2, "not yet");
        assert!(!task.is_finished());
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(Arc::strong_count(&counter), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_aborted_before_its_first_poll_never_runs() {
        let counter = Arc::new(AtomicU32::new(0));
        let shared = Arc::clone(&counter);
        let task = tokio::spawn(async move { shared.fetch_add(1, Ordering::Relaxed) });
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(counter.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_child_token_is_cancelled_with_its_parent_and_not_the_other_way_round() {
        let parent = CancellationToken::new();
        let (child, sibling) = (parent.child_token(), parent.child_token());
        child.cancel();
        assert!(!parent.is_cancelled() && !sibling.is_cancelled());
        parent.cancel();
        assert!(sibling.is_cancelled());
        assert!(parent.child_token().is_cancelled(), "one made afterwards");
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_with_a_token_finishes_its_cleanup() {
        let start = Instant::now();
        let token = CancellationToken::new();
        let task = tokio::spawn(worker(1, token.clone()));
        sleep(SECOND * 5 / 2).await;
        token.cancel();
        task.await.unwrap();
        assert_eq!(start.elapsed(), 3 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_over_a_handle_ends_the_wait_and_not_the_task() {
        let mut task = tokio::spawn(work(3));
        let start = Instant::now();
        assert!(timeout(SECOND, &mut task).await.is_err());
        assert_eq!(start.elapsed(), SECOND);
        assert_eq!(task.await.unwrap(), 3);
        assert_eq!(start.elapsed(), 3 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn an_abort_on_drop_handle_takes_its_task_along() {
        let counter = Arc::new(AtomicU32::new(0));
        let held = Arc::clone(&counter);
        let task = AbortOnDropHandle::new(tokio::spawn(async move {
            sleep(3 * SECOND).await;
            drop(held);
        }));
        assert!(timeout(SECOND, task).await.is_err());
        yield_now().await;
        assert_eq!(Arc::strong_count(&counter), 1);
    }

    #[test]
    #[should_panic(expected = "there is no reactor running")]
    fn outside_a_runtime_drop_cannot_spawn() {
        drop(Connection {
            goodbyes: TaskTracker::new(),
        });
    }

    #[tokio::test(start_paused = true)]
    async fn what_drop_spawns_can_be_waited_for() {
        let goodbyes = TaskTracker::new();
        let connection = Connection {
            goodbyes: goodbyes.clone(),
        };
        let start = Instant::now();
        drop(connection);
        assert_eq!(start.elapsed(), Duration::ZERO);
        goodbyes.close();
        goodbyes.wait().await;
        assert_eq!(start.elapsed(), SECOND);
    }
}
