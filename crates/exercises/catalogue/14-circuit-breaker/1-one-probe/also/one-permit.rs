// The probe is whoever has the only permit, for as long as the call lasts. Nobody waits for it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use exercises::Log;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Closed,
    Open { since: Instant },
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
    probe: Semaphore,
    monitoring: Log,
}

impl Breaker {
    pub fn new(open_for: Duration, monitoring: Log) -> Self {
        let state = Mutex::new(State::Closed);
        Self {
            open_for,
            state,
            probe: Semaphore::new(1),
            monitoring,
        }
    }

    pub async fn call<T, E>(
        &self,
        operation: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error<E>> {
        let state = *self.lock();
        if state == State::Closed {
            let result = operation.await;
            self.settle(state, result.is_ok());
            return result.map_err(Error::Failed);
        }
        let Ok(_probe) = self.probe.try_acquire() else {
            return Err(Error::Refused);
        };
        // Asked again, now that nobody else can be the probe.
        let began = *self.lock();
        match began {
            State::Open { since } if since.elapsed() >= self.open_for => {}
            _ => return Err(Error::Refused),
        }
        self.tell("half-open").await;
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
