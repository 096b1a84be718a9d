// misconception: busy-means-no

use tokio::sync::Semaphore;

/// So many wait already. Try again later.
#[derive(Debug, PartialEq, Eq)]
pub struct Busy;

pub struct Door {
    workers: Semaphore,
}

impl Door {
    pub fn new(workers: usize, _waiting: usize) -> Self {
        Self {
            workers: Semaphore::new(workers),
        }
    }

    /// Does `work` when a worker is free.
    pub async fn serve<T>(&self, work: impl Future<Output = T>) -> Result<T, Busy> {
        let _worker = self.workers.try_acquire().map_err(|_| Busy)?;
        Ok(work.await)
    }
}
