// misconception: the-next-line-runs

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

/// So many wait already. Try again later.
#[derive(Debug, PartialEq, Eq)]
pub struct Busy;

pub struct Door {
    inside: AtomicUsize,
    most: usize,
    workers: Semaphore,
}

impl Door {
    pub fn new(workers: usize, waiting: usize) -> Self {
        Self {
            inside: AtomicUsize::new(0),
            most: workers + waiting,
            workers: Semaphore::new(workers),
        }
    }

    /// Does `work` when a worker is free.
    pub async fn serve<T>(&self, work: impl Future<Output = T>) -> Result<T, Busy> {
        if self.inside.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.inside.fetch_sub(1, Ordering::Relaxed);
            return Err(Busy);
        }
        let _worker = self.workers.acquire().await.map_err(|_| Busy)?;
        let result = work.await;
        self.inside.fetch_sub(1, Ordering::Relaxed);
        Ok(result)
    }
}
