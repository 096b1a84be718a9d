use tokio::sync::Semaphore;

/// So many wait already. Try again later.
#[derive(Debug, PartialEq, Eq)]
pub struct Busy;

pub struct Door {
    line: Semaphore,
    workers: Semaphore,
}

impl Door {
    pub fn new(workers: usize, waiting: usize) -> Self {
        Self {
            line: Semaphore::new(waiting),
            workers: Semaphore::new(workers),
        }
    }

    /// Does `work` when a worker is free.
    pub async fn serve<T>(&self, work: impl Future<Output = T>) -> Result<T, Busy> {
        let _worker = match self.workers.try_acquire() {
            Ok(worker) => worker,
            Err(_) => {
                let _place = self.line.try_acquire().map_err(|_| Busy)?;
                self.workers.acquire().await.map_err(|_| Busy)?
            }
        };
        Ok(work.await)
    }
}
