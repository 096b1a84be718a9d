//! What belongs to a thread does not belong to a task.

use std::cell::Cell;
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;

use common::Trace as _;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::{spawn_blocking, yield_now};

use crate::lock;

thread_local! {
    /// The mistake: the number of the request that this code works for.
    static REQUEST: Cell<u32> = const { Cell::new(0) };
}

/// Sets it, lets others run, and reads it.
async fn set_and_read(number: u32) -> u32 {
    REQUEST.set(number);
    yield_now().await;
    REQUEST.get()
}

/// On one thread: the tasks share it.
async fn shared() -> anyhow::Result<()> {
    let one = tokio::spawn(set_and_read(1).traced("set_and_read(1)"));
    let two = tokio::spawn(set_and_read(2).traced("set_and_read(2)"));
    let (one, two) = tokio::try_join!(one, two)?;
    println!("one thread: 1 reads {one}, 2 reads {two}");
    Ok(())
}

/// On two threads: the task leaves it behind. What it reads there, and whether it has moved.
///
/// A task that is ready is taken by any thread that is free. So that it moves in each run, the
/// thread on which it began is kept busy.
fn moved() -> anyhow::Result<(u32, bool)> {
    let runtime = Builder::new_multi_thread().worker_threads(2).build()?;
    let (tell, told) = oneshot::channel();
    let (go, may_go) = oneshot::channel::<()>();
    let task = runtime.spawn(async move {
        REQUEST.set(1);
        let began = thread::current().id();
        let _ = tell.send(began);
        let _ = may_go.await;
        (REQUEST.get(), thread::current().id() != began)
    });
    let first = runtime.block_on(told)?;

    // Two tasks that block, the mistake of chapter 15, until both run: then each of the two threads
    // has one. The one on the first thread goes on blocking until the sender is dropped.
    let both_run = Arc::new(Barrier::new(3)); // and this function is the third
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    for _ in 0..2 {
        let (both_run, released) = (Arc::clone(&both_run), Arc::clone(&released));
        runtime.spawn(async move {
            both_run.wait();
            if thread::current().id() == first {
                let _ = lock(&released).recv();
            }
        });
    }
    both_run.wait();
    let _ = go.send(());
    let answer = runtime.block_on(task)?;
    drop(release);
    Ok(answer)
}

/// `threading.local` and `thread_local!`.
pub(crate) async fn thread_local() -> anyhow::Result<()> {
    shared().await?;
    // A runtime may be made and dropped on a thread where blocking is allowed.
    let (read, moved) = spawn_blocking(moved).await??;
    println!("two threads: 1 reads {read}, and has moved: {moved}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tasks_of_one_thread_share_a_thread_local() {
        let one = tokio::spawn(set_and_read(1));
        let two = tokio::spawn(set_and_read(2));
        assert_eq!((one.await.unwrap(), two.await.unwrap()), (2, 2));
    }

    #[test]
    fn a_task_that_moves_leaves_its_thread_local_behind() {
        for _ in 0..20 {
            assert_eq!(moved().unwrap(), (0, true));
        }
    }
}
