//! What a job on the pool of `spawn_blocking` costs.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::slow::Library;

/// A job that has a thread until its gate is opened.
struct Job {
    handle: JoinHandle<u32>,
    gate: mpsc::Sender<()>,
}

impl Job {
    fn new(number: u32, began: &UnboundedSender<u32>) -> Self {
        let (gate, opened) = mpsc::channel();
        let began = began.clone();
        let handle = spawn_blocking(move || {
            let _ = began.send(number);
            let _ = opened.recv();
            number
        });
        Self { handle, gate }
    }

    async fn finish(self) -> Result<u32, JoinError> {
        drop(self.gate);
        self.handle.await
    }
}

tokio::task_local! {
    static REQUEST: u32;
}

/// A pool of two threads.
pub(crate) fn pool() -> anyhow::Result<()> {
    let runtime = Builder::new_current_thread()
        .max_blocking_threads(2) // 512, if nothing is said
        .enable_time()
        .build()?;
    runtime.block_on(async {
        let (began, mut beginnings) = unbounded_channel();
        let first = Job::new(1, &began);
        says_that_it_begins(&mut beginnings).await;
        let second = Job::new(2, &began);
        says_that_it_begins(&mut beginnings).await;
        let third = Job::new(3, &began);
        if timeout(Duration::from_millis(10), beginnings.recv())
            .await
            .is_err()
        {
            println!("job 3 waits: both threads are taken");
        }
        println!("job {} ends", first.finish().await?);
        says_that_it_begins(&mut beginnings).await;

        let mut fourth = Job::new(4, &began);
        fourth.handle.abort();
        if timeout(Duration::from_millis(10), &mut fourth.handle)
            .await
            .is_err()
        {
            println!("job 4, aborted in the queue, waits for a thread all the same");
        }
        second.handle.abort();
        match second.finish().await {
            Err(error) if error.is_cancelled() => println!("job 2, aborted on its thread: gone"),
            result => println!(
                "job {}, aborted on its thread, ends as if nothing were",
                result?
            ),
        }
        match fourth.finish().await {
            Err(error) if error.is_cancelled() => println!("job 4 has its thread, and is gone"),
            result => println!("job {} ends", result?),
        }
        println!("job {} ends", third.finish().await?);

        let request = REQUEST.scope(7, async { spawn_blocking(|| REQUEST.try_get()).await });
        match request.await? {
            Ok(number) => println!("in the thread: request {number}"),
            Err(_) => println!("in the thread: no request"),
        }
        Ok(())
    })
}

async fn says_that_it_begins(beginnings: &mut UnboundedReceiver<u32>) {
    if let Some(number) = beginnings.recv().await {
        println!("job {number} begins");
    }
}

/// How many jobs of each runtime have ended.
type Ended = Arc<AtomicU32>;

/// A runtime that ends while a job has the only thread of its pool, and three wait for it.
pub(crate) fn shutdown() -> io::Result<()> {
    let (runtime, ended) = busy(|| Library::new().call(Duration::from_millis(50)))?;
    println!("1 job of 4 has begun");
    drop(runtime);
    println!(
        "drop returned: {} have ended",
        ended.load(Ordering::Acquire)
    );

    let (open, gate) = mpsc::channel::<()>();
    let (runtime, ended) = busy(move || {
        let _ = gate.recv();
    })?;
    println!("1 job of 4 has begun");
    runtime.shutdown_timeout(Duration::from_millis(50));
    println!(
        "shutdown_timeout returned: {} have ended",
        ended.load(Ordering::Acquire)
    );
    drop(open);
    Ok(())
}

fn busy(first: impl FnOnce() + Send + 'static) -> io::Result<(Runtime, Ended)> {
    let runtime = Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()?;
    let ended = Ended::default();
    let (began, beginning) = mpsc::channel();
    let end = Arc::clone(&ended);
    runtime.spawn_blocking(move || {
        let _ = began.send(());
        first();
        end.fetch_add(1, Ordering::Release);
    });
    for _ in 0..3 {
        let end = Arc::clone(&ended);
        runtime.spawn_blocking(move || end.fetch_add(1, Ordering::Release));
    }
    let _ = beginning.recv();
    Ok((runtime, ended))
}
