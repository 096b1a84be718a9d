// misconception: a-time-limit-is-a-door

use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

/// So many wait already. Try again later.
#[derive(Debug, PartialEq, Eq)]
pub struct Busy;

pub struct Door {
    workers: Semaphore,
    patience: Duration,
}

impl Door {
    pub fn new(workers: usize, waiting: usize) -> Self {
        Self {
            workers: Semaphore::new(workers),
            // As long as it takes until so many have been served.
            patience: Duration::from_secs((waiting / workers) as u64),
        }
    }

    /// Does `work` when a worker is free.
    pub async fn serve<T>(&self, work: impl Future<Output = T>) -> Result<T, Busy> {
        let Ok(Ok(_worker)) = timeout(self.patience, self.workers.acquire()).await else {
            return Err(Busy);
        };
        Ok(work.await)
    }
}
