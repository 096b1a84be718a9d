// misconception: a-lock-makes-one-probe

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use exercises::Log;
use tokio::time::{Instant, sleep};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Closed,
    Open { since: Instant },
    HalfOpen,
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
    alone: tokio::sync::Mutex<()>,
    monitoring: Log,
}

impl Breaker {
    pub fn new(open_for: Duration, monitoring: Log) -> Self {
        let state = Mutex::new(State::Closed);
        Self {
            open_for,
            state,
            alone: tokio::sync::Mutex::new(()),
            monitoring,
        }
    }

    pub async fn call<T, E>(
        &self,
        operation: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error<E>> {
        // Nobody may come between the question and the answer.
        let alone = self.alone.lock().await;
        let state = *self.lock();
        let began = match state {
            State::Closed => State::Closed,
            State::Open { since } if since.elapsed() >= self.open_for => {
                self.tell("half-open").await;
                *self.lock() = State::HalfOpen;
                State::HalfOpen
            }
            State::Open { .. } | State::HalfOpen => return Err(Error::Refused),
        };
        drop(alone);
        let result = operation.await;
        self.settle(began, result.is_ok());
        result.map_err(Error::Failed)
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

    /// Tells the monitoring, which is in another building.
    async fn tell(&self, what: &str) {
        sleep(Duration::from_millis(10)).await;
        self.monitoring.add(what);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
