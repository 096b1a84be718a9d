// Only a `Drop` runs on every way out: after a result, in a panic, and when the call is dropped at
// its await. It gives the place back if nobody has settled the probe, and belongs to no other call.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Closed,
    Open {
        since: Instant,
    },
    /// Keeps the `since` of the open state.
    HalfOpen {
        since: Instant,
    },
}

#[derive(Debug, PartialEq, Eq)]
pub enum Error<E> {
    /// The service was not called.
    Refused,
    Failed(E),
}

pub struct Breaker {
    open_for: Duration,
    state: Mutex<State>,
}

/// The call that is the probe holds this until it ends.
struct Probe<'a> {
    breaker: &'a Breaker,
    since: Instant,
}

impl<'a> Probe<'a> {
    fn of(breaker: &'a Breaker, began: State) -> Option<Self> {
        match began {
            State::HalfOpen { since } => Some(Self { breaker, since }),
            State::Closed | State::Open { .. } => None,
        }
    }
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        let mut state = self.breaker.lock();
        let since = self.since;
        if *state == (State::HalfOpen { since }) {
            // Its time is over already: the next call becomes the probe.
            *state = State::Open { since };
        }
    }
}

impl Breaker {
    pub fn new(open_for: Duration) -> Self {
        let state = Mutex::new(State::Closed);
        Self { open_for, state }
    }

    /// Opens at a failure.
    pub async fn call<T, E>(
        &self,
        operation: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error<E>> {
        let began = self.enter().ok_or(Error::Refused)?;
        let _probe = Probe::of(self, began);
        let result = operation.await;
        self.settle(began, result.is_ok());
        result.map_err(Error::Failed)
    }

    /// The state in which a call begins; `None` if it is refused.
    fn enter(&self) -> Option<State> {
        let mut state = self.lock();
        match *state {
            State::Closed => {}
            State::Open { since } if since.elapsed() >= self.open_for => {
                *state = State::HalfOpen { since };
            }
            State::Open { .. } | State::HalfOpen { .. } => return None,
        }
        Some(*state)
    }

    fn settle(&self, began: State, succeeded: bool) {
        let mut state = self.lock();
        // A call that began in another state knows nothing of the service as it is now.
        if *state == began {
            let since = Instant::now();
            *state = if succeeded {
                State::Closed
            } else {
                State::Open { since }
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
