// misconception: a-semaphore-is-a-bound

use tokio::sync::Semaphore;

/// So many wait already. Try again later.
#[derive(Debug, PartialEq, Eq)]
pub struct Busy;

pub struct Door {
    places: Semaphore,
    workers: Semaphore,
}

impl Door {
    pub fn new(workers: usize, waiting: usize) -> Self {
        Self {
            places: Semaphore::new(workers + waiting),
            workers: Semaphore::new(workers),
        }
    }

    /// Does `work` when a worker is free.
    pub async fn serve<T>(&self, work: impl Future<Output = T>) -> Result<T, Busy> {
        // Nobody is inside without a place.
        let _place = self.places.acquire().await.map_err(|_| Busy)?;
        let _worker = self.workers.acquire().await.map_err(|_| Busy)?;
        Ok(work.await)
    }
}
