// misconception: the-queue-does-not-count

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub const LIMIT: Duration = Duration::from_secs(1);

/// From the path that is asked for to the status of the answer.
pub type Handler = Arc<dyn Fn(String) -> BoxFuture<'static, u16> + Send + Sync>;
pub type Log = Arc<Mutex<Vec<u16>>>;

pub fn stack(handler: Handler, log: Log) -> Handler {
    let handler = catch_panic(handler);
    let handler = time_limit(handler);
    let handler = at_most(2, handler);
    logged(log, handler)
}

/// Notes the status of each answer.
fn logged(log: Log, inner: Handler) -> Handler {
    Arc::new(move |path| {
        let (log, inner) = (log.clone(), inner.clone());
        async move {
            let status = inner(path).await;
            log.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(status);
            status
        }
        .boxed()
    })
}

/// Answers 500 when what is inside panics.
fn catch_panic(inner: Handler) -> Handler {
    Arc::new(move |path| {
        let inner = inner.clone();
        // A handler may panic before it has made a future, and then inside of it.
        let call = async move { inner(path).await };
        let caught = AssertUnwindSafe(call).catch_unwind();
        async move { caught.await.unwrap_or(500) }.boxed()
    })
}

/// Answers 503 when what is inside takes longer than LIMIT.
fn time_limit(inner: Handler) -> Handler {
    Arc::new(move |path| {
        let call = inner(path);
        async move { timeout(LIMIT, call).await.unwrap_or(503) }.boxed()
    })
}

/// Lets so many in at a time; the others wait.
fn at_most(count: usize, inner: Handler) -> Handler {
    let places = Arc::new(Semaphore::new(count));
    Arc::new(move |path| {
        let (places, inner) = (places.clone(), inner.clone());
        async move {
            // Given back when it is dropped: at the end, by a panic, or with this future.
            let _place = places.acquire().await;
            inner(path).await
        }
        .boxed()
    })
}
