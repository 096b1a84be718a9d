//! A lock for many readers or one writer, which asyncio does not have.

use std::sync::Arc;

use common::Trace as _;
use tokio::sync::RwLock;
use tokio::time::{Instant, sleep, timeout};

use crate::{LONG, SECOND, seconds_since};

/// Reads for a second.
async fn read(page: Arc<RwLock<u32>>) {
    let _page = page.read().await;
    sleep(SECOND).await;
}

/// Writes at once, when it may.
async fn write(page: Arc<RwLock<u32>>) {
    *page.write().await += 1;
}

/// Reads, and reads again while it still does.
async fn read_twice(page: Arc<RwLock<u32>>) -> u32 {
    let first = page.read().await;
    sleep(SECOND).await;
    let second = page.read().await; // behind the writer, who waits for `first`
    *first + *second
}

/// Readers share. A writer waits for those who read, and those who come after it wait for it.
pub(crate) async fn rwlock() -> anyhow::Result<()> {
    let start = Instant::now();
    let page = Arc::new(RwLock::new(1));
    let one = tokio::spawn(read(Arc::clone(&page)).traced("read(1)"));
    let two = tokio::spawn(read(Arc::clone(&page)).traced("read(2)"));
    let writer = tokio::spawn(write(Arc::clone(&page)).traced("write()"));
    let three = tokio::spawn(read(Arc::clone(&page)).traced("read(3)"));
    tokio::try_join!(one, two)?;
    println!("two read until {:.1} s", seconds_since(start));
    tokio::try_join!(writer, three)?;
    println!("the third reads until {:.1} s", seconds_since(start));

    let reader = tokio::spawn(read_twice(Arc::clone(&page)).traced("read_twice()"));
    sleep(SECOND / 2).await;
    let writer = tokio::spawn(write(Arc::clone(&page)).traced("write()"));
    match timeout(LONG, reader).await {
        Ok(sum) => println!("read twice: {}", sum?),
        Err(_) => println!("read twice, with a writer between: stuck"),
    }
    // The reader was not stopped: a timeout over a handle ends the waiting, not the task.
    println!("the writer has ended: {}", writer.is_finished());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use futures::FutureExt as _;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test(start_paused = true)]
    async fn a_reader_behind_a_waiting_writer_waits() {
        let page = RwLock::new(1);
        let reading = page.read().await;
        assert!(page.try_read().is_ok(), "readers share");
        let mut writing = Box::pin(page.write());
        assert!(writing.as_mut().now_or_never().is_none(), "it waits");
        assert!(page.try_read().is_err(), "the writer is first");
        drop(writing); // it gives up
        assert!(page.try_read().is_ok());
        drop(reading);
    }

    #[tokio::test(start_paused = true)]
    async fn reading_twice_with_a_writer_between_is_a_deadlock() {
        let page = Arc::new(RwLock::new(1));
        assert_eq!(read_twice(Arc::clone(&page)).await, 2, "without a writer");
        let reader = tokio::spawn(read_twice(Arc::clone(&page)));
        sleep(SECOND / 2).await;
        let writer = tokio::spawn(write(Arc::clone(&page)));
        assert!(timeout(HOUR, reader).await.is_err());
        assert!(!writer.is_finished());
    }
}
