//! The laboratory: it drops an operation wherever it waits, and tells what is lost.
//!
//! A test usually lets an operation run to its end. A timeout, a `select!` or an `abort()` drops it
//! at one of its awaits, and the moment decides at which. So the laboratory tries them all: it runs
//! one *experiment* again and again, each time from scratch. In the first run the operation is
//! dropped before its first poll, then when it waits for the first time, then for the second time,
//! until it is through. After each run the experiment checks that nothing is missing.
//!
//! ```
//! use cancellation::drop_at_every_await;
//! use tokio::task::yield_now;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let report = drop_at_every_await("move 50", async |cut| {
//!     let (mut mine, mut yours) = (100, 0);
//!     cut.run(async {
//!         mine -= 50;
//!         yield_now().await; // somebody else's turn
//!         yours += 50;
//!     })
//!     .await;
//!     match mine + yours {
//!         100 => Ok(()),
//!         sum => Err(format!("loses {}", 100 - sum)),
//!     }
//! })
//! .await;
//! assert!(!report.is_safe());
//! assert_eq!(
//!     report.to_string(),
//!     "move 50            loses 50 if dropped at await 1"
//! );
//! # }
//! ```

use std::cell::Cell;
use std::fmt::{self, Display, Formatter};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::task::AtomicWaker;
use tokio::time::timeout;

/// How long a run may take before it counts as hanging. On the paused clock that takes no time: the
/// clock jumps there when nobody can go on.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// An operation that waits more often than this is given up: it may never end.
pub const MOST_AWAITS: usize = 200;

/// Where an operation was dropped.
///
/// An *await* is counted each time the operation has to wait, wherever that stands in its code: a
/// loop that waits five times at one `.await` has five.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// Before its first poll: nothing of it has run.
    Unpolled,
    /// While it waited for the n-th time, counted from 1.
    Waiting(usize),
    /// When it had waited for the n-th time and was woken, before it was polled again. What it
    /// waited for has happened, and it does not know.
    Woken(usize),
    /// Nowhere: it completed.
    Nowhere,
}

/// One run of an experiment. Made by [`drop_at_every_await`].
#[derive(Debug)]
pub struct Cut {
    drop_at: Dropped,
    outcome: Cell<Outcome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// [`Cut::run`] was not called, or did not return.
    Unknown,
    Dropped,
    Completed,
}

impl Cut {
    fn new(drop_at: Dropped) -> Self {
        Self {
            drop_at,
            outcome: Cell::new(Outcome::Unknown),
        }
    }

    /// Runs `operation`, and drops it where this run of the experiment drops it.
    ///
    /// Returns its output if it completed, and `None` if it was dropped. Call it once in each run.
    ///
    /// Whatever wakes the task, the operation is polled only when its own waker was called. So an
    /// await is counted once, even beside other futures in a `join!`.
    pub async fn run<F: Future>(&self, operation: F) -> Option<F::Output> {
        let mut operation = pin!(operation);
        let signal = Arc::new(Signal::default());
        let waker = Waker::from(Arc::clone(&signal));
        let mut awaits = 0;
        let output = poll_fn(|cx| {
            signal.task.register(cx.waker());
            if !signal.woken.swap(false, Ordering::AcqRel) {
                return Poll::Pending;
            }
            // Ready to be polled, for the first time or again. Is it to be dropped here?
            if self.drop_at == Dropped::Unpolled || self.drop_at == Dropped::Woken(awaits) {
                return Poll::Ready(None);
            }
            match operation.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(output) => return Poll::Ready(Some(output)),
                Poll::Pending => awaits += 1,
            }
            if self.drop_at == Dropped::Waiting(awaits) {
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await;
        self.outcome.set(match output {
            Some(_) => Outcome::Completed,
            None => Outcome::Dropped,
        });
        // The operation is a local of this function: here, if it is not through, it is dropped.
        output
    }
}

/// The waker that the operation sees.
struct Signal {
    woken: AtomicBool,
    /// Who polls the operation.
    task: AtomicWaker,
}

impl Default for Signal {
    fn default() -> Self {
        Self {
            // The first poll needs no wake.
            woken: AtomicBool::new(true),
            task: AtomicWaker::new(),
        }
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // The flag first: the task may run on another thread, and looks at the flag.
        self.woken.store(true, Ordering::Release);
        self.task.wake();
    }
}

/// What was found out about an operation. Its `Display` is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The operation's name.
    pub operation: String,
    /// How often the operation waits when nobody drops it.
    pub awaits: usize,
    /// What is lost, and where the operation was dropped to lose it, in the order of the runs.
    pub findings: Vec<(Dropped, String)>,
}

impl Report {
    /// Whether nothing was lost, wherever the operation was dropped.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.findings.is_empty()
    }

    /// Notes how a run ended: with the experiment's verdict, or not at all.
    fn note(&mut self, dropped: Dropped, verdict: Option<Result<(), String>>) {
        match verdict {
            Some(Ok(())) => {}
            Some(Err(what)) => self.findings.push((dropped, what)),
            None => self.findings.push((dropped, "hangs".to_owned())),
        }
    }
}

/// Runs `experiment` once for each place where its operation can be dropped, and once to its end.
///
/// The experiment gets a [`Cut`], passes its operation to [`Cut::run`], and then checks that nothing
/// is missing. Its error says what is, such as `loses its message`. It should not depend on real
/// time or on real sockets: each run must go as the last one did, up to the place of the drop.
///
/// A run that takes longer than [`PATIENCE`] hangs, which is a finding too. A run whose operation
/// completed must find nothing missing, else the experiment itself is wrong; the report says so.
///
/// # Panics
///
/// When `experiment` does.
pub async fn drop_at_every_await(
    operation: &str,
    experiment: impl AsyncFn(&Cut) -> Result<(), String>,
) -> Report {
    let run = async |drop_at| {
        let cut = Cut::new(drop_at);
        let verdict = timeout(PATIENCE, experiment(&cut)).await.ok();
        (cut.outcome.get(), verdict)
    };
    let mut report = Report {
        operation: operation.to_owned(),
        awaits: 0,
        findings: Vec::new(),
    };
    let (_, verdict) = run(Dropped::Unpolled).await;
    report.note(Dropped::Unpolled, verdict);
    for number in 1..=MOST_AWAITS {
        let (outcome, verdict) = run(Dropped::Waiting(number)).await;
        match outcome {
            // Through, before it waited so often.
            Outcome::Completed => {
                report.note(Dropped::Nowhere, verdict);
                return report;
            }
            Outcome::Dropped => report.note(Dropped::Waiting(number), verdict),
            // The operation hangs by itself, or was never run: no other cut would show more.
            Outcome::Unknown => {
                let what = match verdict {
                    Some(_) => "is never run by its experiment",
                    None => "hangs",
                };
                report.findings.push((Dropped::Nowhere, what.to_owned()));
                return report;
            }
        }
        report.awaits = number;
        // If the operation hangs at this await, nobody wakes it. The next run will tell.
        let (outcome, verdict) = run(Dropped::Woken(number)).await;
        if outcome == Outcome::Dropped {
            report.note(Dropped::Woken(number), verdict);
        }
    }
    let what = format!("does not end within {MOST_AWAITS} awaits");
    report.findings.push((Dropped::Nowhere, what));
    report
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            operation,
            awaits,
            findings,
        } = self;
        write!(f, "{operation:<18} ")?;
        if findings.is_empty() {
            let s = if *awaits == 1 { "" } else { "s" };
            return write!(f, "keeps everything ({awaits} await{s})");
        }
        let mut separator = "";
        for (dropped, what) in findings {
            // Woken or not, it is the same await: told once, unless it differs.
            if let Dropped::Woken(number) = dropped
                && findings.contains(&(Dropped::Waiting(*number), what.clone()))
            {
                continue;
            }
            write!(f, "{separator}{what}{dropped}")?;
            separator = ", ";
        }
        Ok(())
    }
}

impl Display for Dropped {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unpolled => write!(f, " if dropped before its first poll"),
            Self::Waiting(number) => write!(f, " if dropped at await {number}"),
            Self::Woken(number) => write!(f, " if dropped at await {number} once woken"),
            Self::Nowhere => write!(f, " even if nobody drops it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;
    use tokio::task::yield_now;
    use tokio::time::{Instant, sleep};

    /// An operation that waits `awaits` times, and an experiment that always finds something.
    async fn always_loses(awaits: usize) -> Report {
        drop_at_every_await("it", async |cut| {
            let operation = async {
                for _ in 0..awaits {
                    yield_now().await;
                }
            };
            match cut.run(operation).await {
                Some(()) => Ok(()),
                None => Err("loses".to_owned()),
            }
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn every_await_is_tried_while_it_waits_and_once_it_is_woken() {
        use Dropped::{Unpolled, Waiting, Woken};
        for awaits in 0..5 {
            let mut expected = vec![Unpolled];
            expected.extend((1..=awaits).flat_map(|number| [Waiting(number), Woken(number)]));
            let report = always_loses(awaits).await;
            assert_eq!(report.awaits, awaits);
            let places: Vec<Dropped> = report.findings.into_iter().map(|(at, _)| at).collect();
            assert_eq!(places, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_operation_is_dropped_before_the_experiment_checks() {
        struct Guard<'a>(&'a Cell<u32>);
        impl Drop for Guard<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let report = drop_at_every_await("it", async |cut| {
            let drops = Cell::new(0);
            let operation = async {
                let _guard = Guard(&drops);
                yield_now().await;
            };
            let polled = cut.drop_at != Dropped::Unpolled;
            cut.run(operation).await;
            if drops.get() == u32::from(polled) {
                Ok(())
            } else {
                Err("is not dropped".to_owned())
            }
        })
        .await;
        assert!(report.is_safe(), "{report}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_sibling_that_is_woken_does_not_count_as_an_await() {
        let report = drop_at_every_await("it", async |cut| {
            let (sender, receiver) = oneshot::channel();
            let sibling = async {
                for _ in 0..10 {
                    yield_now().await;
                }
                sender.send(()).ok();
            };
            tokio::join!(cut.run(receiver), sibling);
            Ok(())
        })
        .await;
        assert_eq!(report.awaits, 1);
    }

    /// What is waited for has happened, and the future that would say so is dropped.
    #[tokio::test(start_paused = true)]
    async fn some_things_are_lost_only_once_woken() {
        let report = drop_at_every_await("oneshot", async |cut| {
            let (giver, taker) = oneshot::channel();
            let sending = async {
                yield_now().await;
                giver.send(()).is_ok()
            };
            let (value, sent) = tokio::join!(cut.run(taker), sending);
            if sent && value.is_none() {
                Err("loses its value".to_owned())
            } else {
                Ok(())
            }
        })
        .await;
        assert_eq!(
            report.to_string(),
            "oneshot            loses its value if dropped at await 1 once woken"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_never_ends_is_a_finding() {
        let start = Instant::now();
        let report = drop_at_every_await("wait", async |cut| {
            let (sender, receiver) = oneshot::channel::<()>();
            if cut.run(yield_now()).await.is_none() {
                receiver.await.ok(); // nobody will send
            }
            drop(sender);
            Ok(())
        })
        .await;
        assert_eq!(
            report.to_string(),
            "wait               hangs if dropped before its first poll, \
             hangs if dropped at await 1"
        );
        assert_eq!(start.elapsed(), 3 * PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn an_operation_that_hangs_by_itself_is_told_from_one_that_is_hurt() {
        let report = drop_at_every_await("wait", async |cut| {
            cut.run(std::future::pending::<()>()).await;
            Ok(())
        })
        .await;
        assert_eq!(report.awaits, 1);
        assert_eq!(
            report.to_string(),
            "wait               hangs even if nobody drops it"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_experiments_are_told() {
        let report = drop_at_every_await("it", async |_| Ok(())).await;
        assert!(!report.is_safe(), "{report}");
        assert!(report.to_string().contains("is never run"), "{report}");

        let wrong = drop_at_every_await("it", async |cut| {
            cut.run(sleep(Duration::from_secs(1))).await;
            Err("loses its head".to_owned())
        });
        let told = wrong.await.to_string();
        assert!(
            told.ends_with("loses its head even if nobody drops it"),
            "{told}"
        );

        let endless = drop_at_every_await("it", async |cut| {
            let forever = async {
                loop {
                    yield_now().await;
                }
            };
            cut.run(forever).await;
            Ok(())
        });
        let told = endless.await.to_string();
        assert!(told.contains("does not end within 200 awaits"), "{told}");
    }
}
