//! Many waits at once: `asyncio.gather` in Rust.
//!
//! Five tasks wait two seconds each, and all of it takes two seconds, because they wait together.
//! Then three whose results come back in the order of the inputs, whoever finishes first. Then the
//! trap: a loop that awaits one after the other, and takes ten seconds.
//!
//! ```console
//! $ cargo run -p gather
//! ```
//!
//! In Python: `results = await asyncio.gather(*(fetch_data(task) for task in range(5)))`.

use std::process::ExitCode;
use std::time::Duration;

use common::{Stage, Trace as _};
use futures::future::join_all;
use tokio::time::{Instant, sleep};

/// Stands in for a request that takes two seconds, as the database or the network would.
async fn fetch_data(task: usize) -> String {
    println!("Start fetching for task {task}");
    sleep(Duration::from_secs(2)).await;
    println!("Done fetching for task {task}");
    format!("task {task}: 123")
}

/// The same call, with a row of its own in the timeline.
fn fetch(task: usize) -> impl Future<Output = String> {
    fetch_data(task).traced(format!("fetch_data({task})"))
}

/// All at once. The futures are created first and none has started: only `join_all`, by being
/// awaited, polls them.
async fn together(tasks: usize) -> Vec<String> {
    join_all((0..tasks).map(fetch)).await
}

async fn wait(seconds: u64) -> u64 {
    sleep(Duration::from_secs(seconds)).await;
    println!("Done after {seconds} s");
    seconds
}

/// Results come back in the order of the inputs, whoever finished first.
async fn staggered() -> Vec<u64> {
    let waits = [3, 1, 2].map(|seconds| wait(seconds).traced(format!("wait({seconds})")));
    join_all(waits).await
}

/// The trap: this loop awaits each call before it makes the next one.
async fn one_by_one(tasks: usize) -> Vec<String> {
    let mut results = Vec::with_capacity(tasks);
    for task in 0..tasks {
        results.push(fetch(task).await);
    }
    results
}

/// As many tasks as you like, each of which waits one second.
async fn many(tasks: usize) {
    let before = memory();
    let start = std::time::Instant::now();
    let all = join_all((0..tasks).map(|_| sleep(Duration::from_secs(1))));
    // tokio lets a task make progress 128 times a turn and then makes it yield, so that it does
    // not starve its neighbours. `join_all` takes each forced yield for a future that waits and
    // polls on: a million polls for nothing, every turn. Chapter 3 shows what that costs.
    let all = tokio::task::unconstrained(all);
    // `join!` polls from left to right: when it comes to the second, every task has begun to wait.
    let (_, during) = tokio::join!(all, async { memory() });
    println!(
        "{tasks} tasks of 1 s: {:.1} s",
        start.elapsed().as_secs_f64()
    );
    match (before, during) {
        (Some(before), Some(during)) if tasks > 0 => {
            println!(
                "memory: {} bytes a task",
                during.saturating_sub(before) / tasks
            );
        }
        _ => println!("memory: not measured"),
    }
}

/// The memory of this process in bytes, where the system tells.
fn memory() -> Option<usize> {
    Some(memory_stats::memory_stats()?.physical_mem)
}

// One thread, like asyncio's event loop.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage = Stage::new("Many waits at once: asyncio.gather in Rust.")
        .option(
            "--tasks",
            "N",
            "run N tasks of one second instead, and report time and memory",
        )
        .begin()
        .await;
    if let Some(tasks) = stage.value("--tasks") {
        if tasks > 1_000_000 {
            stage.usage_error("--tasks takes at most 1000000: more may not fit into memory");
        }
        many(tasks).await;
        return stage.finish();
    }

    stage.scene("together");
    let start = Instant::now();
    for result in together(5).await {
        println!("{result}");
    }
    println!("together: {:.1} s", start.elapsed().as_secs_f64());

    stage.scene("staggered");
    println!("results: {:?}", staggered().await);

    stage.scene("one_by_one");
    let start = Instant::now();
    one_by_one(5).await;
    println!("one by one: {:.1} s", start.elapsed().as_secs_f64());
    stage.finish()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{Future as _, poll_fn};

    use super::*;
    use common::timeline::{self, What};

    // The clock is paused: it jumps to the next timer whenever every task waits, so these tests
    // take no time and their durations are exact.
    #[tokio::test(start_paused = true)]
    async fn five_waits_together_take_as_long_as_one() {
        let start = Instant::now();
        let results = together(5).await;
        assert_eq!(start.elapsed(), Duration::from_secs(2));
        assert_eq!(results[4], "task 4: 123");
    }

    #[tokio::test(start_paused = true)]
    async fn five_waits_in_a_row_take_five_times_as_long() {
        let start = Instant::now();
        one_by_one(5).await;
        assert_eq!(start.elapsed(), Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn results_come_in_input_order_though_the_waits_end_in_another() {
        let (results, recording) = timeline::record(staggered()).await;
        assert_eq!(results, [3, 1, 2]);
        let finished = recording
            .events
            .iter()
            .filter_map(|event| match event.what {
                What::Ready { task } => Some(recording.tasks[task].as_str()),
                _ => None,
            });
        assert_eq!(
            finished.collect::<Vec<_>>(),
            ["wait(1)", "wait(2)", "wait(3)"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_wake_makes_join_all_poll_every_sibling() {
        let (_, recording) = timeline::record(staggered()).await;
        let polls = |task| {
            let is_poll =
                |what: &What| matches!(what, What::Poll { task: polled, .. } if *polled == task);
            recording
                .events
                .iter()
                .filter(|event| is_poll(&event.what))
                .count()
        };
        // Of 3, 1 and 2 seconds: one poll at the start, and one at each end until its own.
        assert_eq!([polls(0), polls(1), polls(2)], [4, 2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn above_thirty_join_all_polls_only_who_was_woken() {
        let polls_of = async |tasks: u64| {
            let waits = (1..=tasks).map(|n| sleep(Duration::from_secs(n)).traced(n));
            let (_, recording) = timeline::record(async { join_all(waits).await }).await;
            let polls = recording
                .events
                .iter()
                .filter(|event| matches!(event.what, What::Poll { .. }));
            polls.count()
        };
        // One poll each at the start; at each of the thirty ends, all that are not done.
        assert_eq!(polls_of(30).await, 30 + (1..=30).sum::<usize>());
        assert_eq!(polls_of(31).await, 31 + 31);
    }

    /// How often the futures of a `join_all` over `tasks` waits are polled in all.
    async fn polls_of_many(tasks: usize, unconstrained: bool) -> usize {
        let polls = Cell::new(0);
        let all = join_all((0..tasks).map(|_| {
            let mut wait = Box::pin(sleep(Duration::from_secs(1)));
            let polls = &polls;
            poll_fn(move |cx| {
                polls.set(polls.get() + 1);
                wait.as_mut().poll(cx)
            })
        }));
        if unconstrained {
            tokio::task::unconstrained(all).await;
        } else {
            all.await;
        }
        polls.get()
    }

    #[tokio::test(start_paused = true)]
    async fn each_forced_yield_makes_join_all_poll_for_nothing() {
        // Two polls each: at the start and at the end.
        assert_eq!(polls_of_many(2_000, true).await, 4_000);
        // Twice the tasks, nearly four times the polls.
        assert_eq!(polls_of_many(2_000, false).await, 18_640);
        assert_eq!(polls_of_many(4_000, false).await, 68_512);
    }
}
