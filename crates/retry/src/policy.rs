//! When to try again, and when to stop.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder, Retryable as _};
use tokio::time::{Instant, timeout};
use tracing::{error, info, warn};

use crate::{Budget, Cause, Failure};

/// The target of the events, by which [`Causes`](crate::Causes) knows them.
pub(crate) const TARGET: &str = "retry";

/// What it means if an operation is done twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Twice is once: GET, PUT, DELETE, and a POST with an idempotency key.
    Harmless,
    /// Each time counts: any other POST.
    Harmful,
}

/// How often, how long, and at whose cost an operation is tried.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The delays between the attempts, and how many there may be.
    pub backoff: ExponentialBuilder,
    /// The longest that one attempt may take.
    pub attempt: Duration,
    /// The longest that everything may take, waits included.
    pub total: Duration,
    /// Shared by all who ask the same service.
    pub budget: Option<Arc<Budget>>,
}

impl Default for Policy {
    /// Four attempts of at most 10 seconds each, a minute in all, with jitter and without a budget.
    fn default() -> Self {
        Self {
            backoff: ExponentialBuilder::default().with_jitter(),
            attempt: Duration::from_secs(10),
            total: Duration::from_mins(1),
            budget: None,
        }
    }
}

impl Policy {
    /// What `operation` returns. It is called with the number of the attempt, from 1.
    ///
    /// Each failure is logged with `tracing`, with the fields `attempt`, `cause` and `delay_ms`.
    ///
    /// # Errors
    ///
    /// [`GaveUp`] tells why no further attempt was made, and what each of them failed with.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits between two attempts, it leaves nothing behind. Dropped during an
    /// attempt, it drops the future of `operation`; what that has sent stays sent.
    pub async fn run<T, Fut>(
        &self,
        repeat: Repeat,
        mut operation: impl FnMut(u32) -> Fut,
    ) -> Result<T, GaveUp>
    where
        Fut: Future<Output = Result<T, Failure>>,
    {
        let start = Instant::now();
        let left = || self.total.saturating_sub(start.elapsed());
        if let Some(budget) = &self.budget {
            budget.deposit();
        }

        let mut attempts = 0;
        let mut failures = Vec::new();
        let mut stopped = None;
        let attempt = || {
            attempts += 1;
            let work = timeout(self.attempt.min(left()), operation(attempts));
            async move {
                let in_time = work.await;
                in_time.unwrap_or_else(|_| Err(Failure::new(Cause::TimedOut)))
            }
        };
        let result = attempt
            .retry(self.backoff)
            .when(Failure::is_temporary)
            .adjust(|failure, delay| {
                let next = self.next_delay(repeat, failure, delay, left());
                stopped = next.err();
                next.ok()
            })
            .notify(|failure, delay| {
                failures.push(Failed::new(start, failure));
                let (attempt, cause, delay_ms) = (failures.len(), failure.cause, millis(delay));
                warn!(target: TARGET, attempt, %cause, delay_ms, "failed, will try again");
            })
            .await;

        match result {
            Ok(answer) => {
                if attempts > 1 {
                    info!(target: TARGET, attempts, "succeeded");
                }
                Ok(answer)
            }
            Err(failure) => {
                failures.push(Failed::new(start, &failure));
                // If nobody else has stopped it, it was `when`.
                let why = stopped.unwrap_or(Why::Permanent);
                let cause = failure.cause;
                error!(target: TARGET, attempts, %cause, %why, "gave up");
                Err(GaveUp { why, failures })
            }
        }
    }

    /// How long to wait before the next attempt, or why there is none. `delay` is what the backoff
    /// proposes: `None` when it has no more.
    fn next_delay(
        &self,
        repeat: Repeat,
        failure: &Failure,
        delay: Option<Duration>,
        left: Duration,
    ) -> Result<Duration, Why> {
        if repeat == Repeat::Harmful && failure.may_have_been_done() {
            return Err(Why::MayHaveBeenDone);
        }
        // Whoever forgets this and returns a delay of his own has no limit any more.
        let delay = delay.ok_or(Why::NoAttempts)?;
        // Not before the moment that was asked for, and not everybody at that moment.
        let delay = delay.saturating_add(failure.retry_after);
        if delay >= left {
            return Err(Why::NoTime);
        }
        // Last, so that a token is only taken for a retry that takes place.
        match &self.budget {
            Some(budget) if !budget.withdraw() => Err(Why::NoBudget),
            _ => Ok(delay),
        }
    }
}

/// Delays between nothing and what `backoff` says, each as likely as any other.
///
/// This is what is called *full jitter*. `backon`'s own jitter lies between once and twice the
/// delay. `backoff` should therefore have none.
pub fn full_jitter(
    backoff: ExponentialBuilder,
    mut rng: fastrand::Rng,
) -> impl Iterator<Item = Duration> + Send + Sync + Unpin {
    backoff.build().map(move |delay| delay.mul_f32(rng.f32()))
}

/// Why there was no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The same request would fail in the same way.
    Permanent,
    /// The request may have done its work, and must not do it twice.
    MayHaveBeenDone,
    /// The backoff allows no more.
    NoAttempts,
    /// The total time would be over before the next attempt begins.
    NoTime,
    /// The budget for retries is spent.
    NoBudget,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Permanent => "it would fail again",
            Self::MayHaveBeenDone => "it may have been done",
            Self::NoAttempts => "that was the last attempt",
            Self::NoTime => "no time is left",
            Self::NoBudget => "the budget is spent",
        })
    }
}

/// One attempt that failed.
#[derive(Clone, Debug)]
pub struct Failed {
    /// When it was known, from the beginning of the first attempt.
    pub after: Duration,
    /// What went wrong.
    pub failure: Failure,
}

impl Failed {
    fn new(start: Instant, failure: &Failure) -> Self {
        Self {
            after: start.elapsed(),
            failure: failure.clone(),
        }
    }
}

/// No attempt succeeded. Its [`source`](Error::source) is the failure of the last one.
#[derive(Clone, Debug)]
pub struct GaveUp {
    /// Why there was no further attempt.
    pub why: Why,
    /// All attempts, in order; at least one.
    pub failures: Vec<Failed>,
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attempts = self.failures.len();
        let s = if attempts == 1 { "" } else { "s" };
        write!(f, "gave up after {attempts} attempt{s}, {}", self.why)
    }
}

impl Error for GaveUp {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let failure: &(dyn Error + 'static) = &self.failures.last()?.failure;
        Some(failure)
    }
}

/// For the log, in which a number can be compared and summed.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
