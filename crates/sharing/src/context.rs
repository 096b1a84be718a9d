//! What a request takes along: a value that belongs to a task.

use common::Trace as _;
use tokio::task::{spawn_blocking, yield_now};
use tracing::{Instrument as _, info, info_span};

tokio::task_local! {
    /// The number of the request that this code works for.
    static REQUEST: u32;
}

/// A function deep inside, which was not told the number.
fn request() -> String {
    match REQUEST.try_get() {
        Ok(number) => number.to_string(),
        Err(_) => "none".to_owned(), // `REQUEST.get()` would panic
    }
}

async fn later() -> String {
    yield_now().await;
    request()
}

async fn handle() -> anyhow::Result<()> {
    println!("awaited: {}", later().await);
    let task = tokio::spawn(later().traced("later()"));
    println!("spawned: {}", task.await?);
    println!("in a thread: {}", spawn_blocking(request).await?);

    // By hand, at the spawn.
    let task = tokio::spawn(REQUEST.scope(REQUEST.get(), later()));
    println!("carried: {}", task.await?);
    let number = REQUEST.get();
    let thread = move || REQUEST.sync_scope(number, request);
    println!("carried to a thread: {}", spawn_blocking(thread).await?);

    // It can be set for what runs inside, and for nothing else.
    let inner = REQUEST.scope(8, later()).await;
    println!("inside: {inner}, outside: {}", request());
    Ok(())
}

/// The same for the log only: a span, which is attached to the future.
async fn logged() -> anyhow::Result<()> {
    let work = async {
        info!("begins");
        tokio::spawn(async { info!("without the span") }).await?;
        tokio::spawn(async { info!("in a task") }.in_current_span()).await?;
        anyhow::Ok(())
    };
    work.instrument(info_span!("request", id = 7)).await
}

/// `contextvars.ContextVar`.
pub(crate) async fn context() -> anyhow::Result<()> {
    println!("before: {}", request());
    REQUEST.scope(7, handle()).await?;
    println!("afterwards: {}", request());
    logged().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_local_is_not_inherited() {
        let inherited = async {
            assert_eq!(later().await, "7", "the same task");
            let task = tokio::spawn(later()).await.unwrap();
            let thread = spawn_blocking(request).await.unwrap();
            (task, thread)
        };
        let (task, thread) = REQUEST.scope(7, inherited).await;
        assert_eq!((task.as_str(), thread.as_str()), ("none", "none"));
    }

    #[tokio::test]
    async fn a_task_local_can_be_carried() {
        let carried = async { tokio::spawn(REQUEST.scope(REQUEST.get(), later())).await };
        assert_eq!(REQUEST.scope(7, carried).await.unwrap(), "7");
    }

    #[tokio::test]
    async fn a_task_local_that_is_not_set_panics_with_get() {
        let error = tokio::spawn(async { REQUEST.get() }).await.unwrap_err();
        let panic = error.into_panic();
        assert_eq!(
            panic.downcast_ref::<&str>(),
            Some(&"cannot access a task-local storage value without setting it first")
        );
    }

    #[tokio::test]
    async fn two_futures_of_one_task_have_their_own() {
        let (one, two) = tokio::join!(REQUEST.scope(1, later()), REQUEST.scope(2, later()));
        assert_eq!((one.as_str(), two.as_str()), ("1", "2"));
    }
}
