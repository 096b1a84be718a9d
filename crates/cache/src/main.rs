//! Memoising an async call: what is fetched once need not be fetched again, nor twice at once.
//!
//! You will see a cache that makes a hundred calls where one would do, five cures, and what becomes
//! of each of them when a caller gives up, when the call fails and when it panics; then how long an
//! answer is kept, how many, and who makes room.
//!
//! ```console
//! $ cargo run -p cache -- --instant
//! $ cargo run -p cache -- --instant stampede lock table
//! ```
//!
//! In Python: `functools.lru_cache`, which does not work for coroutines; a dictionary of tasks and
//! `asyncio.shield`, which does. What you can take along is `cache::Cache`, in `lib.rs`.

mod arena;
mod scenes;
#[cfg(test)]
mod tests;
mod upstream;
mod versions;

use std::process::ExitCode;
use std::sync::Arc;

use common::Stage;
use futures::{FutureExt as _, TryFutureExt as _};

use arena::{Arena, Crowd, Tally, count, told};
use upstream::{Ends, Upstream};
use versions::{CellPerKey, Map, Moka, OneLock, Reports, SharedPerKey, TaskPerKey};

/// A future is awaited once. One that is shared can be cloned, and each clone awaited.
async fn twice() {
    let upstream = Upstream::new(Ends::Well);
    let report = upstream.fetch("Oslo").map_err(Arc::new).shared();
    println!("first: {}", told(&report.clone().await));
    println!("second: {}", told(&report.await));
}

/// Whoever comes while the first one waits for the answer finds nothing, and asks too.
async fn stampede(stage: &Stage, callers: u32) {
    let map = Arena::<Map>::new(stage, "a cold city", Ends::Well);
    map.show(Crowd::of(callers)).await;
    map.show_later().await;
}

/// One call for a city, and one call at a time for all of them.
async fn lock(stage: &Stage, callers: u32) {
    cold::<OneLock>(stage, callers).await;
}

/// One call for each city, at the same time.
async fn flights(stage: &Stage, callers: u32) {
    cold::<CellPerKey>(stage, callers).await;
    cold::<SharedPerKey>(stage, callers).await;
    cold::<TaskPerKey>(stage, callers).await;
}

async fn cold<R: Reports>(stage: &Stage, callers: u32) {
    let arena = Arena::<R>::new(stage, "a cold city", Ends::Well);
    arena.show(Crowd::of(callers)).await;
    let arena = Arena::<R>::new(stage, "cold cities", Ends::Well);
    arena.show(Crowd::of(callers.min(5)).apart()).await;
}

/// Of three callers the first gives up, and then all three do.
async fn leaves(stage: &Stage) {
    async fn of<R: Reports>(stage: &Stage) {
        let arena = Arena::<R>::new(stage, "the first gives up", Ends::Well);
        arena.show(Crowd::of(3).leaving(1)).await;
        let arena = Arena::<R>::new(stage, "all give up", Ends::Well);
        arena.show(Crowd::of(3).leaving(3)).await;
        arena.show_later().await;
    }
    of::<CellPerKey>(stage).await;
    of::<SharedPerKey>(stage).await;
    of::<TaskPerKey>(stage).await;
}

/// Who is told of an error, and what is there for the next caller.
async fn fails(stage: &Stage) {
    badly::<CellPerKey>(stage, Ends::InAnError).await;
    badly::<SharedPerKey>(stage, Ends::InAnError).await;
    badly::<TaskPerKey>(stage, Ends::InAnError).await;
    println!("errors kept for 2 s:");
    stage.scene("errors kept for 2 s");
    scenes::kept_errors().await;
}

/// The same with a bug instead of an error.
async fn panics(stage: &Stage) {
    badly::<CellPerKey>(stage, Ends::InAPanic).await;
    badly::<SharedPerKey>(stage, Ends::InAPanic).await;
    badly::<TaskPerKey>(stage, Ends::InAPanic).await;
    badly::<Moka>(stage, Ends::InAPanic).await;
}

async fn badly<R: Reports>(stage: &Stage, ends: Ends) {
    let arena = Arena::<R>::new(stage, "it goes wrong", ends);
    arena.show(Crowd::of(3)).await;
    arena.show_later().await;
}

/// All versions, side by side: calls and time, for a hundred callers (or as many as you want).
async fn table(callers: u32) {
    async fn row<R: Reports>(callers: u32) -> String {
        let trial = async |ends, crowd| Arena::<R>::unseen(ends).ask(crowd).await;
        let (cold, apart, left, failed) = tokio::join!(
            trial(Ends::Well, Crowd::of(callers)),
            trial(Ends::Well, Crowd::of(5).apart()),
            trial(Ends::Well, Crowd::of(callers).leaving(1)),
            trial(Ends::InAnError, Crowd::of(5)),
        );
        let seconds = |tally: Tally| format!("{:.1} s", tally.time.as_secs_f64());
        format!(
            "{:15}{:5} {}  {:5} {}  {:5} {:7} {}  {:5} {}",
            R::NAME,
            cold.calls,
            seconds(cold),
            apart.calls,
            seconds(apart),
            left.calls,
            left.answers,
            seconds(left),
            failed.calls,
            seconds(failed),
        )
    }
    let rows = tokio::join!(
        row::<Map>(callers),
        row::<OneLock>(callers),
        row::<CellPerKey>(callers),
        row::<SharedPerKey>(callers),
        row::<TaskPerKey>(callers),
        row::<Moka>(callers),
    );
    let crowd = count(callers, "caller");
    println!(
        "{:15}one city     five cities  1 gives up           an error",
        ""
    );
    println!("{:15}{crowd:13}{:13}{crowd:21}5 callers", "", "5 callers");
    println!(
        "{:15}calls time   calls time   calls answers time   calls time",
        ""
    );
    for row in <[String; 6]>::from(rows) {
        println!("{row}");
    }
}

const PARTS: [&str; 12] = [
    "twice",
    "stampede",
    "lock",
    "flights",
    "leaves",
    "fails",
    "panics",
    "expiry",
    "invalidate",
    "bounds",
    "keys",
    "table",
];

// One thread, like asyncio's event loop.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage = Stage::new("A cache in front of an async call, in six versions.")
        .arguments(
            "PART...",
            "twice, stampede, lock, flights, leaves, fails, panics, expiry, invalidate, bounds, \
             keys, table (default: all but panics)",
        )
        .option(
            "--callers",
            "N",
            "how many ask at once, 1 to 1000 (default 100)",
        )
        .begin()
        .await;
    let callers = stage.value("--callers").unwrap_or(100);
    if !(1..=1000).contains(&callers) {
        stage.usage_error(format_args!(
            "--callers cannot be {callers}: it takes 1 to 1000"
        ));
    }
    let wanted = stage.positional();
    if let Some(part) = wanted.iter().find(|part| !PARTS.contains(&part.as_str())) {
        stage.usage_error(format_args!("there is no part {part:?}; see --help"));
    }
    for part in PARTS {
        let is_wanted = match wanted {
            // Panics are told on standard error, and would look like faults of this program.
            [] => part != "panics",
            _ => wanted.iter().any(|name| name == part),
        };
        if !is_wanted {
            continue;
        }
        println!("-- {part}");
        match part {
            "twice" => twice().await,
            "stampede" => stampede(&stage, callers).await,
            "lock" => lock(&stage, callers).await,
            "flights" => flights(&stage, callers).await,
            "leaves" => leaves(&stage).await,
            "fails" => fails(&stage).await,
            "panics" => panics(&stage).await,
            "expiry" => {
                stage.scene(part);
                scenes::expiry().await;
            }
            "invalidate" => {
                stage.scene("task per key: invalidate");
                scenes::invalidate::<TaskPerKey>().await;
                stage.scene("moka: invalidate");
                scenes::invalidate::<Moka>().await;
            }
            "bounds" => scenes::bounds().await,
            "keys" => scenes::keys().await,
            _ => table(callers).await,
        }
    }
    stage.finish()
}
