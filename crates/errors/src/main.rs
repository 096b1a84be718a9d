//! One failing task among five, in all the ways of waiting for them.
//!
//! Row `n` of a report takes `n` seconds to fetch, and row 2 fails. You will see for each way when
//! the caller gets its answer, which of the others run on, which are dropped, who waits while they
//! clean up, and which results and errors are left.
//!
//! ```console
//! $ cargo run -p errors -- --instant
//! ```
//!
//! In Python: `asyncio.gather`, with and without `return_exceptions`, `asyncio.wait`, and
//! `asyncio.TaskGroup`.

mod report;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use common::{Stage, Trace as _};
use errors::{GroupError, TaskGroup};
use futures::future::{join_all, try_join_all};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use report::{End, Log};

const ROWS: [u64; 5] = [1, 2, 3, 4, 5];

/// Stands in for a query that takes `row` seconds. Row 2 fails.
async fn fetch(row: u64, log: Log) -> io::Result<String> {
    let mut ending = Ending::new(row, log);
    sleep(Duration::from_secs(row)).await;
    if row == 2 {
        ending.end = End::Failed;
        return Err(io::Error::new(
            ErrorKind::ConnectionReset,
            "connection reset",
        ));
    }
    ending.end = End::Done;
    Ok(format!("row {row}"))
}

/// Writes down how a row ended. It does so in `drop`, because that runs on every way out: after a
/// `return`, in a panic, and when the future is dropped at its `.await` and no line of it runs.
struct Ending {
    row: u64,
    log: Log,
    end: End,
}

impl Ending {
    fn new(row: u64, log: Log) -> Self {
        let end = End::Dropped;
        Self { row, log, end }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.log.row(self.row, self.end);
    }
}

/// `gather`: tasks of their own. The first error comes back at once; the others run on, because to
/// drop the handle of a task is to let it go, not to stop it.
async fn spawn_and_join(log: &Log) -> anyhow::Result<Vec<String>> {
    let handles = ROWS.map(|row| tokio::spawn(fetch(row, log.clone()).traced(name(row))));
    // Two `?` for two layers: whether the task ran to its end, and what the function returned.
    try_join_all(handles.map(async |handle| anyhow::Ok(handle.await??))).await
}

/// `gather(return_exceptions=True)`: to `join_all`, a `Result` is a value like any other.
async fn join(log: &Log) -> Vec<io::Result<String>> {
    join_all(ROWS.map(|row| fetch(row, log.clone()).traced(name(row)))).await
}

/// The first error comes back at once, and the others are dropped: they live in `try_join_all`.
async fn try_join(log: &Log) -> io::Result<Vec<String>> {
    try_join_all(ROWS.map(|row| fetch(row, log.clone()).traced(name(row)))).await
}

/// `wait(…, return_when=FIRST_EXCEPTION)` and `cancel`: at each end you decide how to go on.
async fn join_set(log: &Log) -> (Vec<String>, Vec<anyhow::Error>) {
    let mut tasks = JoinSet::new();
    for row in ROWS {
        tasks.spawn(fetch(row, log.clone()).traced(name(row)));
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(Ok(result)) => results.push(result),
            Ok(Err(error)) => errors.push(error.into()),
            // The end of a task that was aborted, by the line below.
            Err(error) if error.is_cancelled() => {}
            Err(error) => errors.push(error.into()),
        }
        if !errors.is_empty() {
            // A request. The runtime drops the tasks later, which is why the loop goes on: when it
            // has seen them all, nothing of them is left.
            tasks.abort_all();
        }
    }
    (results, errors)
}

/// `TaskGroup`: the others are asked to stop, and waited for.
async fn task_group(log: &Log) -> Result<Vec<Option<String>>, GroupError<io::Error>> {
    let mut group = TaskGroup::new();
    for row in ROWS {
        let log = log.clone();
        group.spawn(|token| fetch_or_clean_up(row, log, token).traced(name(row)));
    }
    group.join().await
}

/// In Python `try` and `except CancelledError`. To clean up takes half a second, and fails for row 4.
async fn fetch_or_clean_up(
    row: u64,
    log: Log,
    token: CancellationToken,
) -> io::Result<Option<String>> {
    let fetched = token.run_until_cancelled(fetch(row, log.clone())).await;
    if let Some(result) = fetched {
        return result.map(Some);
    }
    // `fetch` was dropped. This function was not, so it may await.
    sleep(Duration::from_millis(500)).await;
    if row == 4 {
        log.row(row, End::NotCleanedUp);
        return Err(io::Error::other("row 4 was not given back"));
    }
    log.row(row, End::CleanedUp);
    Ok(None)
}

/// The error says what happened. Only the caller knows what it was about to do.
async fn title(row: u64, log: Log) -> anyhow::Result<String> {
    let text = fetch(row, log).traced(name(row)).await;
    let text = text.with_context(|| format!("row {row} of the report"))?;
    Ok(text.to_uppercase())
}

/// A bug in row 2: not an error that anybody handles.
async fn fetch_with_a_bug(row: u64, log: Log) -> io::Result<String> {
    let mut ending = Ending::new(row, log);
    sleep(Duration::from_secs(row)).await;
    ending.end = End::Panicked;
    assert!(row != 2, "row 2 has no such column");
    ending.end = End::Done;
    Ok(format!("row {row}"))
}

/// A panic ends the task in which it happens, and no other.
async fn panic_in_task(log: &Log) -> Vec<anyhow::Result<String>> {
    let handles =
        ROWS.map(|row| tokio::spawn(fetch_with_a_bug(row, log.clone()).traced(name(row))));
    join_all(handles.map(async |handle| anyhow::Ok(handle.await??))).await
}

/// Five futures in one task: the panic of one ends them all, and the function that awaits them.
async fn panic_in_join(log: &Log) -> Vec<io::Result<String>> {
    join_all(ROWS.map(|row| fetch_with_a_bug(row, log.clone()).traced(name(row)))).await
}

fn name(row: u64) -> String {
    format!("fetch({row})")
}

// One thread, like asyncio's event loop.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage = Stage::new("One failing task among five, in all the ways of waiting for them.")
        .switch("--panics", "a task that panics, instead of one that fails")
        .begin()
        .await;
    if stage.is_on("--panics") {
        panics(&stage).await;
    } else {
        ways(&stage).await;
    }
    stage.finish()
}

async fn ways(stage: &Stage) {
    let log = begin(stage, "the others run on");
    log.told(spawn_and_join(&log).traced("spawn_and_join()").await);
    // The caller has its answer. What still happens?
    sleep(Duration::from_secs(4)).await;
    let mut table = vec![log.line("spawn, try_join_all")];

    let log = begin(stage, "wait for all");
    log.told(join(&log).traced("join()").await);
    table.push(log.line("join_all"));

    let log = begin(stage, "stop the others");
    log.told(try_join(&log).traced("try_join()").await);
    sleep(Duration::from_secs(1)).await;
    table.push(log.line("try_join_all"));

    let log = begin(stage, "stop the others and wait");
    log.told(join_set(&log).traced("join_set()").await);
    table.push(log.line("JoinSet, abort_all"));

    let log = begin(stage, "a group");
    log.told(task_group(&log).traced("task_group()").await);
    table.push(log.line("TaskGroup"));

    let log = begin(stage, "which row?");
    match title(2, log).await {
        Ok(title) => println!("  title: {title}"),
        Err(error) => println!("  error: {error}\n  chain: {error:#}"),
    }

    let log = begin(stage, "nobody looks");
    drop(tokio::spawn(fetch(2, log.clone()).traced(name(2))));
    sleep(Duration::from_secs(3)).await;
    log.say("nobody was told");

    println!("\n{}", report::HEAD);
    for line in table {
        println!("{line}");
    }
}

async fn panics(stage: &Stage) {
    let log = begin(stage, "a panic in a task");
    log.told(panic_in_task(&log).traced("panic_in_task()").await);

    let log = begin(stage, "a panic in join_all");
    let callers = log.clone();
    // A task around the caller, or the panic would end this program.
    let caller = tokio::spawn(async move {
        let answer = panic_in_join(&callers).traced("panic_in_join()");
        callers.told(answer.await);
    });
    if let Err(error) = caller.await {
        log.say(format_args!("the caller is gone: {error}"));
    }
}

fn begin(stage: &Stage, title: &str) -> Log {
    stage.scene(title);
    println!("{title}");
    Log::default()
}
