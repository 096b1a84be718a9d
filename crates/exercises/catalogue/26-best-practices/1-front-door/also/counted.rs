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

/// Somebody is inside as long as this lives.
struct Inside<'a>(&'a AtomicUsize);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
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
        let before = self.inside.fetch_add(1, Ordering::Relaxed);
        let _inside = Inside(&self.inside);
        if before >= self.most {
            return Err(Busy);
        }
        let _worker = self.workers.acquire().await.map_err(|_| Busy)?;
        Ok(work.await)
    }
}
