//! What the checks of the exercises are written with.
//!
//! A check is an ordinary test. It calls the learner's functions inside [`check`], which runs them
//! on a clock of its own and ends what hangs, and says [`wrong`] when it recognises a
//! misconception:
//!
//! ```
//! use std::time::Duration;
//!
//! use exercises::{check, same, seconds, took, wrong};
//!
//! # async fn fetch_all(pages: &[u64]) -> Vec<u64> {
//! #     let fetches = pages.iter().map(async |&page| {
//! #         tokio::time::sleep(Duration::from_secs(page)).await;
//! #         page
//! #     });
//! #     futures::future::join_all(fetches).await
//! # }
//! check(async {
//!     let (pages, time) = took(fetch_all(&[3, 1, 2])).await;
//!     if time == Duration::from_secs(6) {
//!         wrong("await-in-a-loop", "three fetches of 3, 1 and 2 seconds took 6 seconds");
//!     }
//!     same("the time of three fetches", seconds(time), "3.0 s");
//!     same("the pages", pages, [3, 1, 2]);
//! });
//! ```

mod hang;
#[doc(hidden)]
pub mod protocol;

use std::cell::RefCell;
use std::fmt::{Debug, Display};
use std::io::Write as _;
use std::panic;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

pub use crate::hang::Hang;
use crate::hang::{Meaning, Watchdog};
use crate::protocol::Message;

/// How much virtual time a check may take: about an hour. Nothing in an exercise waits for so long.
///
/// A power of 64 milliseconds times a small number is one slot of tokio's timer wheel. With any
/// other limit the clock would halt on its way, where the wheel sorts its far timers into finer
/// slots, and the thread would seem to have woken for something.
const VIRTUAL_LIMIT: Duration = Duration::from_millis(64 * 64 * 64 * 16);

/// How much time a check with real input and output may take.
const REAL_LIMIT: Duration = Duration::from_secs(8);

/// Runs `future` on one thread and on virtual time: when everything waits, the clock jumps to the
/// next timer, so that an hour of waiting takes no time and a duration is exact.
///
/// A future that hangs ends the process, with one message that says how it hangs: nothing can
/// wake it, or its thread is blocked, or it is polled again and again.
///
/// # Panics
///
/// If `future` panics, or the operating system has no resources for a runtime.
pub fn check(future: impl Future<Output = ()>) {
    run(Clock::Virtual, future);
}

/// Runs `future` on one thread and on the machine's clock, for sockets and threads: virtual time
/// would jump past them.
///
/// A future that is not done after eight seconds, or blocks its thread for two, ends the process
/// as in [`check`].
///
/// # Panics
///
/// If `future` panics, or the operating system has no resources for a runtime.
pub fn check_real(future: impl Future<Output = ()>) {
    run(Clock::Real, future);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    Virtual,
    Real,
}

thread_local! {
    /// Of the check that this thread runs.
    static CURRENT: RefCell<Option<Watchdog>> = const { RefCell::new(None) };
}

/// Inside a check: should it hang in this way, then because of `misconception`. `what` says what
/// the learner's code does that cannot end.
pub fn if_it_hangs(hang: Hang, misconception: &str, what: impl Display) {
    let meaning = Meaning {
        hang,
        misconception: misconception.to_owned(),
        what: what.to_string(),
    };
    CURRENT.with_borrow(|watchdog| {
        if let Some(watchdog) = watchdog {
            watchdog.expect(meaning);
        }
    });
}

fn run(clock: Clock, future: impl Future<Output = ()>) {
    tell_panics();
    let watchdog = Watchdog::new(clock == Clock::Real);
    CURRENT.set(Some(watchdog.clone()));
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(clock == Clock::Virtual);
    watchdog.observe(&mut builder);
    let runtime = builder
        .build()
        .unwrap_or_else(|error| panic!("cannot start a runtime: {error}"));
    let guard = watchdog.watch(runtime.handle());
    let limit = match clock {
        Clock::Virtual => VIRTUAL_LIMIT,
        Clock::Real => REAL_LIMIT,
    };
    let finished = runtime.block_on(async {
        guard.begin();
        timeout(limit, future).await
    });
    drop(guard);
    if finished.is_err() {
        watchdog.end(Hang::Pending);
    }
    // A task that blocks its thread for ever would make the drop wait for ever.
    runtime.shutdown_background();
}

/// Ends a check: the solution does what somebody does who believes `misconception`, one of the
/// names in `misconceptions/*.toml`. `what` says what was seen, in one or two sentences.
///
/// # Panics
///
/// Always: that is how a test fails.
#[track_caller]
pub fn wrong(misconception: &str, what: impl Display) -> ! {
    tell(&Message::Wrong {
        misconception: misconception.to_owned(),
        what: what.to_string(),
    });
    panic::resume_unwind(Box::new("wrong"));
}

/// Checks that `what`, as it was `seen`, is what is `wanted`.
///
/// # Panics
///
/// If it is not, with a message for the learner that says both.
#[track_caller]
#[expect(
    clippy::needless_pass_by_value,
    reason = "a check hands over what it has just got, and needs it no more"
)]
pub fn same<S, W>(what: impl Display, seen: S, wanted: W)
where
    S: Debug + PartialEq<W>,
    W: Debug,
{
    assert!(
        seen == wanted,
        "{what}: it is {seen:?} and should be {wanted:?}."
    );
}

/// Checks an answer that the learner has predicted. The message does not give away the right one.
///
/// # Panics
///
/// If the answer is not `right`.
#[track_caller]
#[expect(
    clippy::needless_pass_by_value,
    reason = "a check hands over what it has just got, and needs it no more"
)]
pub fn predicted<A, R>(what: impl Display, answer: A, right: R)
where
    A: Debug + PartialEq<R>,
{
    assert!(answer == right, "{what}: {answer:?} is not what happens.");
}

/// Awaits `future`: its output, and how long it took on the clock of the check.
pub async fn took<F: Future>(future: F) -> (F::Output, Duration) {
    let started = Instant::now();
    let output = future.await;
    (output, started.elapsed())
}

/// A duration as a person reads it: `2.0 s`.
#[must_use]
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// What happened, in order. Clones share one list.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line.
    pub fn add(&self, line: impl Display) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line.to_string());
    }

    /// The lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.clone()
    }
}

/// Writes a message for who runs the check. The test harness captures what `print!` and `eprint!`
/// write; a message must get out also when the process ends at once.
fn tell(message: &Message) {
    let line = if protocol::is_spoken() {
        message.to_line()
    } else {
        message.to_string()
    };
    // Who does not read it has nothing else to read it with.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// From here on a panic is one message. One of a thread that nobody joins would otherwise be lost.
fn tell_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        if !protocol::is_spoken() {
            return;
        }
        panic::set_hook(Box::new(|panic| {
            let what = panic.payload_as_str().unwrap_or("a panic without a text");
            let place = panic.location();
            tell(&Message::Panic {
                what: what.to_owned(),
                file: place
                    .map(|place| place.file().to_owned())
                    .unwrap_or_default(),
                line: place.map_or(0, panic::Location::line),
            });
        }));
    });
}
