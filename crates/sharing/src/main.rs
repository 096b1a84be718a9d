//! Sharing: a lock, an event, a condition, a semaphore and a barrier, and what they are in tokio.
//!
//! You will see an update that is lost, a wake-up that is lost, and two tasks that wait for each
//! other for ever; each is reproduced, found and mended. And each of asyncio's primitives runs
//! beside what takes its place.
//!
//! ```console
//! $ cargo run -p sharing
//! $ cargo run -p sharing -- account deadlock
//! ```
//!
//! In Python: `asyncio.Lock`, `Event`, `Condition`, `Semaphore`, `BoundedSemaphore`, `Barrier`, and
//! `contextvars`.

mod account;
mod barrier;
mod condition;
mod context;
mod deadlock;
mod event;
mod guard;
mod once;
mod rwlock;
mod semaphore;
mod thread;
mod wakeup;

use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::Stage;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// How long a part of the lesson waits for what should have happened long ago.
const LONG: Duration = Duration::from_secs(2);

/// Locks a `std` mutex, also after somebody panicked while holding it: what this lesson keeps
/// behind one is changed in one step, and so is in order at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn seconds_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64()
}

const PARTS: [&str; 13] = [
    "account",
    "event",
    "wakeup",
    "condition",
    "semaphore",
    "barrier",
    "deadlock",
    "actor",
    "guard",
    "rwlock",
    "context",
    "thread",
    "once",
];

async fn part(name: &str, stage: &Stage) -> anyhow::Result<()> {
    match name {
        "account" => account::account(stage).await,
        "event" => event::event().await,
        "wakeup" => wakeup::wakeup(stage).await,
        "condition" => condition::condition().await,
        "semaphore" => semaphore::semaphore(stage).await,
        "barrier" => barrier::barrier().await,
        "deadlock" => deadlock::deadlock(stage).await,
        "actor" => deadlock::with_an_actor().await,
        "guard" => guard::guard().await,
        "rwlock" => rwlock::rwlock().await,
        "context" => context::context().await,
        "thread" => thread::thread_local().await,
        _ => once::once().await,
    }
}

// One thread, like asyncio's event loop.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage = Stage::new("Sharing: asyncio's locks and events, and what they are in tokio.")
        .arguments(
            "PART...",
            "account, event, wakeup, condition, semaphore, barrier, deadlock, actor, guard, \
             rwlock, context, thread, once (default: all)",
        )
        .begin()
        .await;
    let wanted = stage.positional();
    if let Some(part) = wanted.iter().find(|part| !PARTS.contains(&part.as_str())) {
        stage.usage_error(format_args!("there is no part {part:?}; see --help"));
    }
    // For the part about requests: lines on standard output, with nothing but their spans.
    tracing_subscriber::fmt()
        .without_time()
        .with_ansi(false)
        .with_level(false)
        .with_target(false)
        .init();
    for name in PARTS {
        if !wanted.is_empty() && !wanted.iter().any(|part| part == name) {
            continue;
        }
        println!("-- {name}");
        stage.scene(name);
        if let Err(error) = part(name, &stage).await {
            eprintln!("sharing: {name}: {error:#}");
            return ExitCode::FAILURE;
        }
    }
    stage.finish()
}
