//! Waiting: one after the other, overlapped, and on threads.
//!
//! You will see the same three waits of 0.3 seconds done in four ways, and which of them take 0.9
//! seconds. With `--work`: the same question about work, which is not waiting. With `--waits`:
//! what a wait costs on a thread of its own, and without one.
//!
//! ```console
//! $ cargo run -p sync-vs-async
//! $ cargo run -p sync-vs-async -- --work
//! $ cargo run -p sync-vs-async -- --waits 1000
//! ```
//!
//! In Python: `time.sleep`, `asyncio.sleep`, `asyncio.gather`, `threading.Thread`.

mod waits;
mod work;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use common::{Stage, Trace as _};
use futures::future::join_all;
use tokio::time::{Instant, sleep};

/// How long an answer takes.
const WAIT: Duration = Duration::from_millis(300);

/// Stands in for a request. The thread that asks stands still until the answer is there.
fn fetch_blocking(number: u32) {
    println!("  {number}: asked");
    thread::sleep(WAIT);
    println!("  {number}: answered");
}

/// The same request. Its thread may do something else until the answer is there.
async fn fetch(number: u32) {
    println!("  {number}: asked");
    sleep(WAIT).await;
    println!("  {number}: answered");
}

fn blocking() {
    for number in 1..=3 {
        fetch_blocking(number);
    }
}

async fn one_after_the_other() {
    for number in 1..=3 {
        fetch(number).traced(format!("fetch({number})")).await;
    }
}

async fn overlapped() {
    join_all([1, 2, 3].map(|number| fetch(number).traced(format!("fetch({number})")))).await;
}

/// They print nothing: which of three threads comes first is for the operating system to decide.
fn on_threads() {
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| thread::sleep(WAIT));
        }
    });
}

fn report(how: &str, took: Duration) {
    println!("{how}: {:.1} s", took.as_secs_f64());
}

// One thread with one event loop, like asyncio.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage = Stage::new("The same three waits: blocking, awaited, overlapped, on threads.")
        .switch("--work", "overlap work instead of waits, and compare")
        .option(
            "--waits",
            "N",
            "what N waits of one second cost, overlapped and on N threads",
        )
        .begin()
        .await;
    if stage.is_on("--work") {
        work::compare().await;
        return stage.finish();
    }
    if let Some(count) = stage.value("--waits") {
        if let Err(error) = waits::compare(&stage, count).await {
            eprintln!("sync-vs-async: no more threads: {error}; try a smaller --waits");
            return ExitCode::FAILURE;
        }
        return stage.finish();
    }

    // A thread that sleeps goes by the clock of the machine. What is awaited goes by the clock of
    // tokio, which `--instant` makes jump.
    let start = std::time::Instant::now();
    blocking();
    report("blocking, one after the other", start.elapsed());

    stage.scene("awaited, one after the other");
    let start = Instant::now();
    one_after_the_other().await;
    report("awaited, one after the other", start.elapsed());

    stage.scene("awaited, overlapped");
    let start = Instant::now();
    overlapped().await;
    report("awaited, overlapped", start.elapsed());

    let start = std::time::Instant::now();
    on_threads();
    report("blocking, on three threads", start.elapsed());
    stage.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::timeline::{self, Recording, What};

    // The clock is paused: it jumps to the next timer whenever everything waits, so these tests
    // take no time and their durations are exact.
    #[tokio::test(start_paused = true)]
    async fn waits_in_a_row_take_as_long_as_all_of_them() {
        let start = Instant::now();
        one_after_the_other().await;
        assert_eq!(start.elapsed(), 3 * WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn waits_that_overlap_take_as_long_as_one() {
        let start = Instant::now();
        overlapped().await;
        assert_eq!(start.elapsed(), WAIT);
    }

    /// Which futures began or ended a poll, in order.
    fn order(recording: &Recording) -> Vec<(&'static str, usize)> {
        let of_event = |what: &What| match *what {
            What::Poll { task, .. } => Some(("runs", task)),
            What::Pending { task } => Some(("waits", task)),
            What::Ready { task } => Some(("ends", task)),
            _ => None,
        };
        let events = recording.events.iter();
        events.filter_map(|event| of_event(&event.what)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn all_three_have_asked_before_the_first_is_answered() {
        let ((), recording) = timeline::record(overlapped()).await;
        let asked = [
            ("runs", 0),
            ("waits", 0),
            ("runs", 1),
            ("waits", 1),
            ("runs", 2),
            ("waits", 2),
        ];
        let answered = [
            ("runs", 0),
            ("ends", 0),
            ("runs", 1),
            ("ends", 1),
            ("runs", 2),
            ("ends", 2),
        ];
        assert_eq!(order(&recording), [asked, answered].concat());
    }

    #[tokio::test(start_paused = true)]
    async fn a_future_that_blocks_lets_no_other_run() {
        let block = async || thread::sleep(Duration::from_millis(1));
        let calls = [0, 1].map(|number| (number, block()));
        let ((), recording) = timeline::record(async {
            join_all(calls.map(|(number, call)| call.traced(number))).await;
        })
        .await;
        let in_turn = [("runs", 0), ("ends", 0), ("runs", 1), ("ends", 1)];
        assert_eq!(order(&recording), in_turn);
    }
}
