// The front door                                             fix, chapter 26-best-practices
//
// A service has `workers` workers. Whoever finds none free waits, however many are waiting already,
// and in a rush nobody is answered before he gives up. Mend it. At most `waiting` requests wait for
// a worker; who comes when so many wait is refused at once with `Busy`, and his work is not begun.
// A place that becomes free can be used by the next one, also when whoever had it is dropped while
// he waits or while he is served.

use tokio::sync::Semaphore;

/// So many wait already. Try again later.
#[derive(Debug, PartialEq, Eq)]
pub struct Busy;

pub struct Door {
    workers: Semaphore,
}

impl Door {
    pub fn new(workers: usize, waiting: usize) -> Self {
        let _ = waiting;
        Self {
            workers: Semaphore::new(workers),
        }
    }

    /// Does `work` when a worker is free.
    pub async fn serve<T>(&self, work: impl Future<Output = T>) -> Result<T, Busy> {
        let _worker = self.workers.acquire().await.map_err(|_| Busy)?;
        Ok(work.await)
    }
}
