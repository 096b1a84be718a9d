// Each call has a permit, as in the chapter. It hands in what it was told, or that it was told
// nothing.

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

struct Permit<'a> {
    breaker: &'a Breaker,
    began: State,
    /// `None`, if the call came to no end.
    succeeded: Option<bool>,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.breaker.settle(self.began, self.succeeded);
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
        let mut permit = Permit {
            breaker: self,
            began,
            succeeded: None,
        };
        let result = operation.await;
        permit.succeeded = Some(result.is_ok());
        drop(permit);
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

    fn settle(&self, began: State, succeeded: Option<bool>) {
        let mut state = self.lock();
        // A call that began in another state knows nothing of the service as it is now.
        if *state != began {
            return;
        }
        *state = match (succeeded, began) {
            (Some(true), _) => State::Closed,
            (Some(false), _) => State::Open {
                since: Instant::now(),
            },
            (None, State::HalfOpen { since }) => State::Open { since },
            (None, began) => began,
        };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
