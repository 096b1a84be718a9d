// The lost probe                                     fix, chapter 14-circuit-breaker
//
// A user opens a page while this breaker is open and its time is over: his call is the probe. He
// closes the page again, the future of his call is dropped, and from then on the breaker refuses
// everybody, for ever. Mend it: when the probe comes to no end, be it dropped or by a panic, the
// next caller becomes the probe. There is never more than one.

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
