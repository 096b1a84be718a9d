//! Tasks: `asyncio.create_task` in Rust is `tokio::spawn`.
//!
//! You will see two tasks of two seconds end after two seconds, results in the order of spawning
//! and in the order of ending, an error among others, and what becomes of a task whose handle is
//! dropped, of one that is aborted, and of one that is still there when `main` returns. With
//! `--threads`: tasks on several threads at once.
//!
//! ```console
//! $ cargo run -p create-task
//! $ cargo run -p create-task -- --threads 2 --timeline
//! ```
//!
//! In Python: `task1 = asyncio.create_task(task(1))`, then `await task1`.

mod threads;

use std::error::Error;
use std::future::pending;
use std::process::ExitCode;
use std::time::Duration;

use common::{Stage, Trace as _};
use tokio::runtime::Builder;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep};

async fn task(number: u32) {
    println!("Task {number} started");
    sleep(Duration::from_secs(2)).await;
    println!("Task {number} completed");
}

async fn two_tasks() -> Result<(), JoinError> {
    let task1 = tokio::spawn(task(1).traced("task(1)"));
    let task2 = tokio::spawn(task(2).traced("task(2)"));
    println!("Both are spawned, and neither has started.");
    // An error here says that the task panicked or was aborted.
    task1.await?;
    task2.await?;
    Ok(())
}

async fn wait(seconds: u64) -> u64 {
    sleep(Duration::from_secs(seconds)).await;
    println!("Done after {seconds} s");
    seconds
}

/// Whoever waits for the first handle lets all tasks go on, so this takes as long as the longest.
async fn in_spawn_order() -> Result<Vec<u64>, JoinError> {
    let handles =
        [3, 1, 2].map(|seconds| tokio::spawn(wait(seconds).traced(format!("wait({seconds})"))));
    let mut results = Vec::new();
    for handle in handles {
        results.push(handle.await?);
    }
    Ok(results)
}

/// Speaks when it is dropped. A task drops what it holds however it ends, so this stands where
/// Python has `finally`. But it cannot await anything.
struct Finally {
    name: String,
    start: Instant,
}

fn finally(name: impl Into<String>) -> Finally {
    Finally {
        name: name.into(),
        start: Instant::now(),
    }
}

impl Drop for Finally {
    fn drop(&mut self) {
        let seconds = self.start.elapsed().as_secs_f64();
        println!("{} ends after {seconds:.1} s", self.name);
    }
}

async fn check(seconds: u64) -> Result<u64, String> {
    let _finally = finally(format!("check({seconds})"));
    sleep(Duration::from_secs(seconds)).await;
    if seconds == 1 {
        return Err(format!("check({seconds}) failed"));
    }
    Ok(seconds)
}

fn two_checks() -> JoinSet<Result<u64, String>> {
    let mut set = JoinSet::new();
    for seconds in [2, 1] {
        set.spawn(check(seconds).traced(format!("check({seconds})")));
    }
    set
}

/// A `JoinSet` hands out results in the order of the ends, and stops nobody because of an error.
async fn everyone_ends() -> Result<(), JoinError> {
    let mut set = two_checks();
    while let Some(joined) = set.join_next().await {
        match joined? {
            Ok(seconds) => println!("result: {seconds}"),
            Err(error) => println!("error: {error}"),
        }
    }
    Ok(())
}

/// What `asyncio.TaskGroup` does by itself: the first error stops the others, and when this
/// returns, all of them have ended.
async fn first_error_stops_all() -> Result<Vec<u64>, String> {
    let mut set = two_checks();
    let mut results = Vec::new();
    while let Some(joined) = set.join_next().await {
        // A panic counts as an error.
        match joined.unwrap_or_else(|panic| Err(panic.to_string())) {
            Ok(seconds) => results.push(seconds),
            Err(error) => {
                // Without this line the others stop too, when the set is dropped, but then this
                // function returns before they have ended.
                set.shutdown().await;
                return Err(error);
            }
        }
    }
    Ok(results)
}

/// Waits for what never comes, and nobody but the runtime knows of it.
async fn forgotten() {
    let _finally = finally("forgotten()");
    pending::<()>().await;
}

/// The handles are dropped. The tasks belong to the runtime, and go on.
async fn detached() {
    drop(tokio::spawn(task(3).traced("task(3)")));
    drop(tokio::spawn(forgotten().traced("forgotten()")));
    sleep(Duration::from_secs(3)).await;
}

async fn slow() {
    let _finally = finally("slow()");
    sleep(Duration::from_mins(1)).await;
    println!("This is never printed.");
}

async fn aborted() {
    let handle = tokio::spawn(slow().traced("slow()"));
    sleep(Duration::from_secs(1)).await;
    handle.abort();
    println!("It is told to stop, and has not stopped yet.");
    if let Err(error) = handle.await {
        println!("cancelled: {}", error.is_cancelled());
    }
}

async fn left_behind() {
    tokio::spawn(slow().traced("slow()"));
    sleep(Duration::from_secs(1)).await;
}

async fn lesson(stage: &Stage) -> Result<(), JoinError> {
    stage.scene("two tasks");
    let start = Instant::now();
    two_tasks().await?;
    println!("two tasks: {:.1} s", start.elapsed().as_secs_f64());

    stage.scene("in spawn order");
    println!("results: {:?}", in_spawn_order().await?);

    stage.scene("everyone ends");
    everyone_ends().await?;

    stage.scene("first error stops all");
    if let Err(error) = first_error_stops_all().await {
        println!("error: {error}");
    }

    stage.scene("detached");
    detached().await;

    stage.scene("aborted");
    aborted().await;

    stage.scene("left behind");
    left_behind().await;
    println!("main returns.");
    Ok(())
}

fn run() -> Result<Stage, Box<dyn Error>> {
    // What `#[tokio::main(flavor = "current_thread")]` makes of an `async fn main`. By hand, so
    // that something can be printed when the runtime is gone.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let stage = Stage::new("Tasks: asyncio.create_task in Rust is tokio::spawn.").option(
        "--threads",
        "N",
        "run three tasks that compute on a runtime with N threads, 1 to 64",
    );
    let stage = runtime.block_on(stage.begin());
    if let Some(count) = stage.value("--threads") {
        threads::run(&stage, count)?;
        return Ok(stage);
    }
    runtime.block_on(lesson(&stage))?;
    drop(runtime);
    println!("The program ends.");
    Ok(stage)
}

fn main() -> ExitCode {
    match run() {
        Ok(stage) => stage.finish(),
        Err(error) => {
            eprintln!("create-task: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use common::timeline::{self, Recording, What};
    use tokio::runtime::{LocalOptions, Runtime};
    use tokio::task::{LocalSet, spawn_local, yield_now};

    // The clock is paused: it jumps to the next timer whenever every task waits, so these tests
    // take no time and their durations are exact.
    fn runtime() -> Runtime {
        let mut builder = Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    }

    fn polls(recording: &Recording, row: usize) -> usize {
        let is_poll = |what: &What| matches!(what, What::Poll { task, .. } if *task == row);
        let events = recording.events.iter();
        events.filter(|event| is_poll(&event.what)).count()
    }

    /// When and whether the future of a row was dropped before it was done.
    fn dropped(recording: &Recording, row: usize) -> Option<Duration> {
        let is_drop = |what: &What| matches!(what, What::Dropped { task, .. } if *task == row);
        let mut events = recording.events.iter();
        Some(events.find(|event| is_drop(&event.what))?.at)
    }

    #[tokio::test(start_paused = true)]
    async fn a_spawned_task_starts_when_its_spawner_waits() {
        let start = Instant::now();
        let (_, recording) = timeline::record(two_tasks()).await;
        assert_eq!(start.elapsed(), Duration::from_secs(2));
        let first: Vec<&What> = recording.events[..6].iter().map(|e| &e.what).collect();
        let (by, thread) = (None, 0);
        let expected = [
            &What::Created { task: 0, by },
            &What::Created { task: 1, by },
            &What::Poll { task: 0, thread },
            &What::Pending { task: 0 },
            &What::Poll { task: 1, thread },
            &What::Pending { task: 1 },
        ];
        assert_eq!(first, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn handles_give_results_in_the_order_in_which_they_are_awaited() {
        let start = Instant::now();
        let (results, recording) = timeline::record(in_spawn_order()).await;
        assert_eq!(results.unwrap(), [3, 1, 2]);
        assert_eq!(start.elapsed(), Duration::from_secs(3));
        // A task is polled when it was woken, and not when its neighbour was.
        assert_eq!([0, 1, 2].map(|row| polls(&recording, row)), [2, 2, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_join_set_gives_results_in_the_order_of_the_ends_and_stops_nobody() {
        let start = Instant::now();
        let results = two_checks().join_all().await;
        assert_eq!(results, [Err("check(1) failed".to_owned()), Ok(2)]);
        assert_eq!(start.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_stops_the_others_and_waits_for_their_end() {
        let start = Instant::now();
        let (result, recording) = timeline::record(first_error_stops_all()).await;
        assert_eq!(result, Err("check(1) failed".to_owned()));
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        assert_eq!(dropped(&recording, 0), Some(Duration::from_secs(1)));
        // Nothing of it runs again: it is not even polled.
        assert_eq!(polls(&recording, 0), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_set_stops_its_tasks_and_does_not_wait() {
        let held = Arc::new(());
        let mut set = JoinSet::new();
        let by_task = held.clone();
        set.spawn(async move {
            sleep(Duration::from_secs(2)).await;
            drop(by_task);
        });
        yield_now().await;
        drop(set);
        assert_eq!(Arc::strong_count(&held), 2, "the task is still there");
        yield_now().await;
        assert_eq!(Arc::strong_count(&held), 1, "and is gone at its next turn");
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_outlives_its_handle() {
        let ((), recording) = timeline::record(detached()).await;
        let ready = recording
            .events
            .iter()
            .find(|event| event.what == What::Ready { task: 0 });
        assert_eq!(ready.unwrap().at, Duration::from_secs(2));
        assert_eq!(dropped(&recording, 1), None);
    }

    #[tokio::test(start_paused = true)]
    async fn abort_asks_and_the_handle_tells_when_it_is_done() {
        let (error, recording) = timeline::record(async {
            let handle = tokio::spawn(slow().traced("slow()"));
            sleep(Duration::from_secs(1)).await;
            handle.abort();
            assert!(!handle.is_finished());
            handle.await.unwrap_err()
        })
        .await;
        assert!(error.is_cancelled());
        assert_eq!(dropped(&recording, 0), Some(Duration::from_secs(1)));
        assert_eq!(polls(&recording, 0), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_aborted_before_its_first_poll_never_starts() {
        let (result, recording) = timeline::record(async {
            let handle = tokio::spawn(slow().traced("slow()"));
            handle.abort();
            handle.await
        })
        .await;
        assert!(result.unwrap_err().is_cancelled());
        assert_eq!(polls(&recording, 0), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn abort_after_the_end_takes_no_result_away() {
        let handle = tokio::spawn(async { 123 });
        yield_now().await;
        handle.abort();
        assert_eq!(handle.await.unwrap(), 123);
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_ends_its_task_and_no_other() {
        let other = tokio::spawn(wait(1));
        let handle = tokio::spawn(async { panic!("as a test does") });
        assert!(handle.await.unwrap_err().is_panic());
        assert_eq!(other.await.unwrap(), 1);
    }

    #[test]
    fn when_main_returns_a_task_is_dropped_where_it_waits() {
        let runtime = runtime();
        let held = Arc::new(AtomicBool::new(false));
        let by_task = held.clone();
        runtime.block_on(async {
            tokio::spawn(async move {
                sleep(Duration::from_secs(2)).await;
                by_task.store(true, Ordering::Relaxed);
            });
            sleep(Duration::from_secs(1)).await;
        });
        assert_eq!(Arc::strong_count(&held), 2, "it still waits");
        drop(runtime);
        assert_eq!(Arc::strong_count(&held), 1, "it is dropped");
        assert!(!held.load(Ordering::Relaxed), "it never went on");
    }

    #[test]
    fn a_task_spawned_by_the_last_line_of_main_never_starts() {
        let runtime = runtime();
        let started = Arc::new(AtomicBool::new(false));
        let by_task = started.clone();
        runtime.block_on(async {
            tokio::spawn(async move { by_task.store(true, Ordering::Relaxed) });
        });
        drop(runtime);
        assert!(!started.load(Ordering::Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_local_set_runs_tasks_that_may_not_change_threads() {
        let counter = Rc::new(Cell::new(0));
        let count = async |counter: Rc<Cell<u32>>| {
            sleep(Duration::from_secs(1)).await;
            counter.set(counter.get() + 1);
        };
        let tasks = LocalSet::new();
        tasks.spawn_local(count(counter.clone()));
        tasks.spawn_local(count(counter.clone()));
        tasks.await;
        assert_eq!(counter.get(), 2);
    }

    #[test]
    fn a_local_runtime_needs_no_local_set() {
        let mut builder = Builder::new_current_thread();
        let builder = builder.enable_all().start_paused(true);
        let runtime = builder.build_local(LocalOptions::default()).unwrap();
        let counter = Rc::new(Cell::new(0));
        let by_task = counter.clone();
        runtime.block_on(async {
            let task = spawn_local(async move {
                sleep(Duration::from_secs(1)).await;
                by_task.set(1);
            });
            task.await.unwrap();
        });
        assert_eq!(counter.get(), 1);
    }
}
