//! The same scenes with the breaker of this lesson and with the crate `recloser`.

use std::cell::Cell;
use std::time::Duration;

use circuit_breaker::{Breaker, Error, Policy};
use futures::future::join_all;
use recloser::{AsyncRecloser, Recloser};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::service::Failure;

/// Short, because recloser's is real time.
const OPEN_FOR: Duration = Duration::from_millis(30);

/// What both can do.
trait Guard {
    /// Whether the call was let through.
    async fn call(&self, operation: impl Future<Output = Result<u64, Failure>>) -> bool;

    /// Waits until the open period is over.
    async fn open_period(&self);
}

impl Guard for Breaker {
    async fn call(&self, operation: impl Future<Output = Result<u64, Failure>>) -> bool {
        let is_failure = Failure::speaks_against_the_service;
        let answer = self.call(operation, is_failure).await;
        !matches!(answer, Err(Error::Refused))
    }

    async fn open_period(&self) {
        sleep(OPEN_FOR).await;
    }
}

impl Guard for AsyncRecloser {
    async fn call(&self, operation: impl Future<Output = Result<u64, Failure>>) -> bool {
        let is_failure = Failure::speaks_against_the_service;
        let answer = self.call_with(is_failure, operation).await;
        !matches!(answer, Err(recloser::Error::Rejected))
    }

    async fn open_period(&self) {
        // It asks std for the time, and std's clock cannot be paused: real time has to pass. A
        // thread sleeps it, so that this one stays free.
        let slept = tokio::task::spawn_blocking(|| std::thread::sleep(2 * OPEN_FOR));
        if slept.await.is_err() {
            println!("the thread that slept has panicked");
        }
    }
}

fn ours() -> Breaker {
    Breaker::new(Policy {
        last: 4,
        within: Duration::from_secs(10),
        at_least: 4,
        percent: 50,
        open_for: OPEN_FOR,
    })
}

/// As near to [`ours`] as it gets: it looks at the rate when it has *more* than `closed_len`
/// results, and decides after *more* than `half_open_len`.
fn theirs() -> AsyncRecloser {
    let recloser = Recloser::custom()
        .error_rate(0.5)
        .closed_len(3)
        .half_open_len(1)
        .open_wait(OPEN_FOR)
        .build();
    AsyncRecloser::from(recloser)
}

const OK: Result<u64, Failure> = Ok(100);
const FAILED: Result<u64, Failure> = Err(Failure::Unavailable);

/// How many of these calls are let through.
async fn through(guard: &impl Guard, calls: &[Result<u64, Failure>]) -> u32 {
    let mut through = 0;
    for result in calls {
        through += u32::from(guard.call(async { result.clone() }).await);
    }
    through
}

async fn failures_in_a_row(guard: &impl Guard) -> String {
    let through = through(guard, &[FAILED; 10]).await;
    format!("{through} let through")
}

async fn a_hundred_probes(guard: &impl Guard) -> String {
    through(guard, &[FAILED; 4]).await;
    guard.open_period().await;
    let reached = Cell::new(0);
    let call = || async {
        reached.set(reached.get() + 1);
        sleep(Duration::from_millis(200)).await;
        OK
    };
    join_all((0..100).map(|_| guard.call(call()))).await;
    format!("{} let through", reached.get())
}

async fn results_until_it_closes(guard: &impl Guard) -> String {
    through(guard, &[FAILED; 4]).await;
    guard.open_period().await;
    // If it is closed after so many successes, it takes some failures to open it.
    through(guard, &[OK]).await;
    let then = through(guard, &[FAILED; 10]).await;
    format!("{then} let through")
}

async fn a_success_among_failures(guard: &impl Guard) -> String {
    through(guard, &[FAILED, FAILED, FAILED, OK]).await;
    state(guard).await
}

async fn old_failures(guard: &impl Guard) -> String {
    through(guard, &[FAILED; 3]).await;
    sleep(Duration::from_secs(11)).await;
    through(guard, &[FAILED]).await;
    state(guard).await
}

/// A call begins; others open the breaker; the probe is under way; then the first call fails.
async fn a_late_failure(guard: &impl Guard) -> String {
    let (fails, failing) = oneshot::channel::<()>();
    let late = guard.call(async {
        let _ = failing.await;
        FAILED
    });
    let others = async {
        through(guard, &[FAILED; 4]).await;
        guard.open_period().await;
        through(guard, &[OK]).await;
        drop(fails);
    };
    tokio::join!(late, others);
    state(guard).await
}

async fn timeout_around_it(guard: &impl Guard) -> String {
    for _ in 0..10 {
        let hangs = guard.call(std::future::pending());
        let _ = timeout(Duration::from_millis(10), hangs).await;
    }
    state(guard).await
}

/// Asks with a call that succeeds.
async fn state(guard: &impl Guard) -> String {
    match through(guard, &[OK]).await {
        0 => "refuses".to_owned(),
        _ => "lets calls through".to_owned(),
    }
}

async fn row(
    scene: &str,
    ours: impl Future<Output = String>,
    theirs: impl Future<Output = String>,
) {
    let (ours, theirs) = tokio::join!(ours, theirs);
    println!("{scene:38} {ours:18}  {theirs}");
}

/// Each scene has breakers of its own. (Not formatted: these lines are a table.)
#[rustfmt::skip]
pub(crate) async fn compared() {
    println!("{:38} {:18}  recloser", "", "this lesson");
    row("ten failures in a row", failures_in_a_row(&ours()), failures_in_a_row(&theirs())).await;
    row("three failures and a success", a_success_among_failures(&ours()), a_success_among_failures(&theirs())).await;
    row("three failures, and 11 s later one", old_failures(&ours()), old_failures(&theirs())).await;
    row("ten calls time out outside of it", timeout_around_it(&ours()), timeout_around_it(&theirs())).await;
    row("a hundred callers at the probe's time", a_hundred_probes(&ours()), a_hundred_probes(&theirs())).await;
    row("a probe succeeds, then ten failures", results_until_it_closes(&ours()), results_until_it_closes(&theirs())).await;
    row("a late failure after the probe", a_late_failure(&ours()), a_late_failure(&theirs())).await;
}
