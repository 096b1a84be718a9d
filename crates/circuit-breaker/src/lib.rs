//! [`Breaker`]: leaves a service that fails alone, and lets one call at a time find out whether it
//! is back.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

// Not that of `std`: tokio's clock can be paused, and a test of an hour then takes no time.
use tokio::time::Instant;

/// When a breaker opens, and for how long.
///
/// It opens at a failure, if among the [`last`](Self::last) results that are no older than
/// [`within`](Self::within) there are [`at_least`](Self::at_least), and
/// [`percent`](Self::percent) of them or more are failures.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How many results are looked at. This bounds the memory, and where there is much traffic, it
    /// is how soon the breaker notices.
    pub last: usize,
    /// How old a result may be. Where there is little traffic, the failures of yesterday do not
    /// count together with one of today.
    pub within: Duration,
    /// So many results there must be: one failure of one call is 100 percent. Above `last`, it is
    /// taken for `last`.
    pub at_least: usize,
    /// How many of 100 results are failures when it opens. Above 100, it never does.
    pub percent: usize,
    /// How long nobody is let through, before one call probes.
    pub open_for: Duration,
}

/// What a breaker does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Lets them through and counts how they end.
    Closed,
    /// Refuses them. When its time is over, the next one becomes the probe.
    Open,
    /// Refuses them while the probe is under way.
    HalfOpen,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        })
    }
}

/// Why a call has no value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error<E> {
    /// The breaker refused it. The service was not called.
    #[error("refused")]
    Refused,
    /// The service was called, and this is its error.
    #[error(transparent)]
    Failed(E),
}

/// The breaker is open or half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("refused")]
pub struct Refused;

#[derive(Debug)]
enum Phase {
    /// When each call ended, and whether it failed.
    Closed {
        results: VecDeque<(Instant, bool)>,
    },
    Open {
        since: Instant,
    },
    /// Keeps the `since` of the open phase, in case its probe comes to no end.
    HalfOpen {
        since: Instant,
    },
}

#[derive(Debug)]
struct Inner {
    phase: Phase,
    /// Counts the changes of the state. A call remembers during which of them it was let through.
    generation: u64,
}

/// A circuit breaker for one service.
///
/// It is for one process: what it knows, it knows from the calls that went through it. Share it
/// between tasks in an [`Arc`](std::sync::Arc).
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
///
/// use circuit_breaker::{Breaker, Error, Policy};
/// use tokio::time::sleep;
///
/// let breaker = Breaker::new(Policy {
///     last: 10,
///     within: Duration::from_secs(10),
///     at_least: 2,
///     percent: 50,
///     open_for: Duration::from_secs(3),
/// });
/// let call = async |status: u16| {
///     let operation = async { if status < 400 { Ok(()) } else { Err(status) } };
///     breaker.call(operation, |status| *status >= 500).await
/// };
/// assert_eq!(call(503).await, Err(Error::Failed(503)));
/// assert_eq!(call(503).await, Err(Error::Failed(503)));
/// assert_eq!(call(200).await, Err(Error::Refused));
/// sleep(Duration::from_secs(3)).await;
/// assert_eq!(call(200).await, Ok(()));
/// # }
/// ```
pub struct Breaker {
    policy: Policy,
    /// A lock of `std`, because [`Permit`] needs it in `drop`, which cannot await. It is held for a
    /// few lines and never across an await.
    inner: Mutex<Inner>,
    on_change: Box<dyn Fn(State) + Send + Sync>,
}

impl Breaker {
    /// A breaker that is closed.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            inner: Mutex::new(Inner {
                phase: Phase::closed(),
                generation: 0,
            }),
            on_change: Box::new(|_| {}),
        }
    }

    /// Calls `on_change` with each new state, for a log or a metric.
    ///
    /// It is called while the breaker is locked, so that nobody sees the changes in another order.
    /// It must not use the breaker (that would wait for itself for ever) and must not panic.
    #[must_use]
    pub fn on_change(mut self, on_change: impl Fn(State) + Send + Sync + 'static) -> Self {
        self.on_change = Box::new(on_change);
        self
    }

    /// The state that the last change led to. Open remains open until a call comes after its time.
    pub fn state(&self) -> State {
        self.lock().phase.state()
    }

    /// Runs `operation`, or refuses it; then it is dropped without having been polled.
    ///
    /// `is_failure` says of an error whether it speaks against the service, such as a timeout does.
    /// An error that does not, such as a 400, counts as a success: the service has answered.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`], or the error of `operation`.
    ///
    /// # Cancel safety
    ///
    /// When this future is dropped, so is `operation`. It is then neither a success nor a failure,
    /// and if it was the probe, the next call becomes the probe. A panic in `operation` counts as
    /// little. An `operation` that never ends, as a probe, keeps everybody else out: give it a
    /// timeout.
    pub async fn call<T, E>(
        &self,
        operation: impl Future<Output = Result<T, E>>,
        is_failure: impl FnOnce(&E) -> bool,
    ) -> Result<T, Error<E>> {
        let permit = self.permit().map_err(|Refused| Error::Refused)?;
        let result = operation.await;
        match &result {
            Err(error) if is_failure(error) => permit.failed(),
            _ => permit.succeeded(),
        }
        result.map_err(Error::Failed)
    }

    /// Lets a call through, if the state allows it.
    ///
    /// For calls that are more than one future; otherwise use [`call`](Self::call).
    ///
    /// # Errors
    ///
    /// [`Refused`], while the breaker is open and while a probe is under way.
    pub fn permit(&self) -> Result<Permit<'_>, Refused> {
        // The question and the answer to it are under one lock. Two locks, and two callers could
        // both find that the time is over, and both probe.
        let mut inner = self.lock();
        match inner.phase {
            Phase::Closed { .. } => {}
            Phase::Open { since } if since.elapsed() >= self.policy.open_for => {
                self.change(&mut inner, Phase::HalfOpen { since });
            }
            Phase::Open { .. } | Phase::HalfOpen { .. } => return Err(Refused),
        }
        Ok(Permit {
            breaker: self,
            generation: inner.generation,
            outcome: Outcome::Unknown,
        })
    }

    fn settle(&self, generation: u64, outcome: Outcome) {
        let mut inner = self.lock();
        // This call began in a state that is over. It knows nothing of the service as it is now.
        if generation != inner.generation {
            return;
        }
        let next = match (&mut inner.phase, outcome) {
            (Phase::HalfOpen { since }, Outcome::Unknown) => {
                // Its time is over already: the next call becomes the probe.
                Some(Phase::Open { since: *since })
            }
            (Phase::HalfOpen { .. }, Outcome::Failed) => Some(Phase::open()),
            (Phase::HalfOpen { .. }, Outcome::Succeeded) => Some(Phase::closed()),
            (Phase::Closed { results }, Outcome::Failed | Outcome::Succeeded) => {
                let failed = outcome == Outcome::Failed;
                let opens = self.policy.opens(results, failed);
                opens.then(Phase::open)
            }
            // Nobody is let through while it is open, so nobody belongs to that generation.
            (Phase::Closed { .. }, Outcome::Unknown) | (Phase::Open { .. }, _) => None,
        };
        if let Some(next) = next {
            self.change(&mut inner, next);
        }
    }

    fn change(&self, inner: &mut Inner, phase: Phase) {
        inner.phase = phase;
        inner.generation += 1;
        (self.on_change)(inner.phase.state());
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Only `on_change` could panic under the lock, and by then all has been written.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("policy", &self.policy)
            .field("inner", &*self.lock())
            .finish_non_exhaustive()
    }
}

impl Phase {
    fn closed() -> Self {
        let results = VecDeque::new();
        Self::Closed { results }
    }

    fn open() -> Self {
        let since = Instant::now();
        Self::Open { since }
    }

    fn state(&self) -> State {
        match self {
            Self::Closed { .. } => State::Closed,
            Self::Open { .. } => State::Open,
            Self::HalfOpen { .. } => State::HalfOpen,
        }
    }
}

impl Policy {
    /// Writes down a result, forgets those that no longer count, and says whether to open.
    fn opens(&self, results: &mut VecDeque<(Instant, bool)>, failed: bool) -> bool {
        let now = Instant::now();
        results.push_back((now, failed));
        let last = self.last.max(1);
        while results.len() > last
            || (results.front()).is_some_and(|(ended, _)| now - *ended > self.within)
        {
            results.pop_front();
        }
        let failures = results.iter().filter(|(_, failed)| *failed).count();
        // Only a failure opens it, although after a success the percentage may be as high: then the
        // latest news is that the service answers.
        failed
            && results.len() >= self.at_least.min(last)
            && failures * 100 >= self.percent.saturating_mul(results.len())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Succeeded,
    Failed,
    /// The call was dropped before its end, or panicked.
    Unknown,
}

/// A call that was let through. It is told how the call ended, by one of its two methods.
///
/// Dropped without that, it counts neither as a success nor as a failure, and where it was the
/// probe, it makes room for the next one.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once lets nothing through"]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    generation: u64,
    outcome: Outcome,
}

impl Permit<'_> {
    /// The service did what it was asked, or said why not.
    pub fn succeeded(mut self) {
        self.outcome = Outcome::Succeeded;
    }

    /// The service did not answer, or said that it cannot.
    pub fn failed(mut self) {
        self.outcome = Outcome::Failed;
    }
}

impl Drop for Permit<'_> {
    /// Runs on every way out: after a result, in a panic, and when the call is dropped at its await
    /// and none of its lines runs. Without it, a probe that is dropped would stay under way for
    /// ever, and everybody else would be refused for ever.
    fn drop(&mut self) {
        self.breaker.settle(self.generation, self.outcome);
    }
}
