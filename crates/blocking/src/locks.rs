//! A lock that is held across an await, and who notices.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use blocking::{Silence, Watchdog};
use tokio::runtime::Builder;
use tokio::time::sleep;

use crate::slow::Library;

const LIMIT: Duration = Duration::from_millis(100);

/// Adds one, waits for something, and adds one.
#[expect(clippy::await_holding_lock, reason = "this is the mistake")]
async fn holds(name: &str, counter: Arc<Mutex<u32>>) {
    println!("{name}: wants the lock");
    let mut counter = counter.lock().unwrap_or_else(PoisonError::into_inner);
    println!("{name}: has it");
    *counter += 1;
    sleep(Duration::from_millis(10)).await;
    *counter += 1;
}

/// Has no lock while it waits.
async fn lets_go(counter: &Mutex<u32>) {
    let add_one = || *counter.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    add_one();
    sleep(Duration::from_millis(10)).await;
    add_one();
}

/// Has a lock that is awaited: who waits for it lets the thread go.
async fn holds_an_async_lock(counter: &tokio::sync::Mutex<u32>) {
    let mut counter = counter.lock().await;
    *counter += 1;
    sleep(Duration::from_millis(10)).await;
    *counter += 1;
}

/// Two futures that hold the lock, on a thread that may be lost. `None` if both came through.
fn two_that_hold() -> io::Result<Option<Silence>> {
    let (report, reports) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        // `block_on` takes what is not `Send`.
        runtime.block_on(async {
            let dog = Watchdog::start(LIMIT, move |silence| {
                let _ = report.send(silence);
            })?;
            let counter = Arc::default();
            let first = holds("first", Arc::clone(&counter));
            let second = holds("second", counter);
            tokio::join!(dog.watched("first", first), dog.watched("second", second));
            io::Result::Ok(())
        })
    })?;
    // The end of that thread, if it came, would drop the sender.
    Ok(reports.recv().ok())
}

pub(crate) fn lock() -> anyhow::Result<()> {
    match two_that_hold()? {
        Some(silence) => println!("{silence}"),
        None => println!("both came through"),
    }
    let runtime = Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let counter = Arc::new(Mutex::new(0));
        tokio::join!(lets_go(&counter), lets_go(&counter));
        let count = *counter.lock().unwrap_or_else(PoisonError::into_inner);
        println!("not held while it waits: {count}");

        let counter = tokio::sync::Mutex::new(0);
        tokio::join!(holds_an_async_lock(&counter), holds_an_async_lock(&counter));
        println!("a lock that is awaited: {}", counter.lock().await);
    });
    Ok(())
}

/// Two tasks, and one of them blocks.
pub(crate) fn watchdog() -> anyhow::Result<()> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let dog = Watchdog::start(LIMIT, |silence| println!("{silence}"))?;
        let polite = async {
            sleep(3 * LIMIT).await;
        };
        let rude = async {
            sleep(LIMIT).await;
            Library::new().call(2 * LIMIT);
        };
        tokio::join!(dog.watched("polite", polite), dog.watched("rude", rude));
        println!("all are done");
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::*;

    // Without a second one there is no harm, which is why it is found late.
    #[tokio::test(start_paused = true)]
    async fn a_local_task_may_hold_a_lock_across_an_await() {
        let counter = Arc::default();
        let tasks = LocalSet::new();
        tasks.spawn_local(holds("alone", Arc::clone(&counter)));
        tasks.await;
        assert_eq!(*counter.lock().unwrap(), 2);
    }

    #[test]
    fn two_of_them_are_stuck_and_the_second_has_the_thread() {
        let silence = two_that_hold().unwrap().expect("both came through");
        assert_eq!(silence.culprit, Some("second"));
    }
}
