//! A semaphore: ten jobs, three at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Stage, Trace as _};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::{SECOND, seconds_since};

/// How many jobs run, and how many ever ran at the same time.
#[derive(Default)]
struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

async fn job(gauge: &Gauge) {
    let now = gauge.now.fetch_add(1, Ordering::Relaxed) + 1;
    gauge.most.fetch_max(now, Ordering::Relaxed);
    sleep(SECOND / 2).await;
    gauge.now.fetch_sub(1, Ordering::Relaxed);
}

/// All ten tasks exist from the beginning, and seven of them wait.
async fn inside(gauge: &Arc<Gauge>) -> anyhow::Result<()> {
    let permits = Arc::new(Semaphore::new(3));
    let mut jobs = JoinSet::new();
    for number in 1..=10 {
        let (permits, gauge) = (Arc::clone(&permits), Arc::clone(gauge));
        let limited = async move {
            // The name keeps it: `let _ = …` would give it back at once.
            let _permit = permits.acquire().await?;
            job(&gauge).await;
            anyhow::Ok(())
        };
        jobs.spawn(limited.traced(format_args!("job({number})")));
    }
    while let Some(job) = jobs.join_next().await {
        job??;
    }
    Ok(())
}

/// A task is made when there is a permit for it, and takes the permit along.
async fn before(gauge: &Arc<Gauge>) -> anyhow::Result<()> {
    let permits = Arc::new(Semaphore::new(3));
    let mut jobs = JoinSet::new();
    for number in 1..=10 {
        // An ordinary permit borrows from the semaphore, and a task may not borrow.
        let permit = Arc::clone(&permits).acquire_owned().await?;
        let gauge = Arc::clone(gauge);
        let limited = async move {
            job(&gauge).await;
            drop(permit);
        };
        jobs.spawn(limited.traced(format_args!("job({number})")));
    }
    while let Some(job) = jobs.join_next().await {
        job?;
    }
    Ok(())
}

/// Permits as a stock: taken for good, and put in by whoever has some. First come, first served.
async fn stock() -> anyhow::Result<()> {
    let start = Instant::now();
    let stock = Arc::new(Semaphore::new(0));
    let mut takers = JoinSet::new();
    for wanted in [3, 1, 2] {
        let stock = Arc::clone(&stock);
        let take = async move {
            // Not given back: the permits are used up.
            stock.acquire_many(wanted).await?.forget();
            println!("acquire_many({wanted}) after {:.1} s", seconds_since(start));
            anyhow::Ok(())
        };
        takers.spawn(take.traced(format_args!("acquire_many({wanted})")));
    }
    for _ in 1..=6 {
        sleep(SECOND / 2).await;
        stock.add_permits(1);
    }
    while let Some(taker) = takers.join_next().await {
        taker??;
    }
    Ok(())
}

/// `asyncio.Semaphore` and `BoundedSemaphore`.
pub(crate) async fn semaphore(stage: &Stage) -> anyhow::Result<()> {
    stage.scene("inside");
    let start = Instant::now();
    let gauge = Arc::new(Gauge::default());
    inside(&gauge).await?;
    let most = gauge.most.load(Ordering::Relaxed);
    let seconds = seconds_since(start);
    println!("inside: at most {most} at once, {seconds:.1} s");

    stage.scene("before");
    let start = Instant::now();
    let gauge = Arc::new(Gauge::default());
    before(&gauge).await?;
    let most = gauge.most.load(Ordering::Relaxed);
    let seconds = seconds_since(start);
    println!("before: at most {most} at once, {seconds:.1} s");

    stage.scene("stock");
    stock().await?;

    let permits = Semaphore::new(3);
    permits.add_permits(1); // no counterpart of `BoundedSemaphore` refuses it
    println!("released too often: {} of 3", permits.available_permits());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::yield_now;
    use tokio::time::timeout;

    #[tokio::test(start_paused = true)]
    async fn a_semaphore_limits() {
        for limited in [true, false] {
            let start = Instant::now();
            let gauge = Arc::new(Gauge::default());
            if limited {
                inside(&gauge).await.unwrap();
            } else {
                before(&gauge).await.unwrap();
            }
            assert_eq!(gauge.most.load(Ordering::Relaxed), 3);
            assert_eq!(gauge.now.load(Ordering::Relaxed), 0);
            assert_eq!(start.elapsed(), 2 * SECOND);
        }
    }

    // A permit that nobody keeps is given back in the same line.
    #[tokio::test]
    async fn an_underscore_keeps_no_permit() {
        let permits = Semaphore::new(3);
        let _ = permits.acquire().await.unwrap();
        assert_eq!(permits.available_permits(), 3);
        let _permit = permits.acquire().await.unwrap();
        assert_eq!(permits.available_permits(), 2);
    }

    #[tokio::test]
    async fn a_forgotten_permit_is_gone() {
        let permits = Semaphore::new(3);
        permits.acquire().await.unwrap().forget();
        assert_eq!(permits.available_permits(), 2);
        assert_eq!(permits.forget_permits(5), 2, "as many as there are");
        assert_eq!(permits.available_permits(), 0);
    }

    #[tokio::test]
    async fn a_semaphore_is_not_bounded() {
        let permits = Semaphore::new(3);
        permits.add_permits(1);
        assert_eq!(permits.available_permits(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_big_acquire_holds_back_the_small_ones() {
        let permits = Arc::new(Semaphore::new(3));
        let held = permits.acquire().await.unwrap();
        let waiting = Arc::clone(&permits);
        let big = tokio::spawn(async move { waiting.acquire_many(3).await.map(drop) });
        yield_now().await;
        // Two permits are free, and nobody gets one: they are kept for the first in the queue.
        assert_eq!(permits.available_permits(), 0);
        assert!(permits.try_acquire().is_err());
        assert!(timeout(SECOND, permits.acquire()).await.is_err());
        // It gives up its place, and the permits are free again.
        big.abort();
        assert!(big.await.unwrap_err().is_cancelled());
        assert_eq!(permits.available_permits(), 2);
        drop(held);
        assert_eq!(permits.available_permits(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn permits_are_given_in_the_order_of_asking() {
        let stock = Semaphore::new(0);
        let start = Instant::now();
        let put = async {
            for _ in 1..=6 {
                sleep(SECOND).await;
                stock.add_permits(1);
            }
        };
        let take = async |wanted| {
            stock.acquire_many(wanted).await.unwrap().forget();
            start.elapsed().as_secs()
        };
        let (three, one, two, ()) = tokio::join!(take(3), take(1), take(2), put);
        assert_eq!((three, one, two), (3, 4, 6));
    }

    #[tokio::test]
    async fn a_closed_semaphore_tells_those_who_wait() {
        let permits = Arc::new(Semaphore::new(0));
        let waiting = Arc::clone(&permits);
        let task = tokio::spawn(async move { waiting.acquire().await.map(drop) });
        yield_now().await;
        permits.close();
        assert!(task.await.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_permit_of_a_task_that_panics_is_given_back() {
        let permits = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&permits).acquire_owned().await.unwrap();
        let task = tokio::spawn(async move {
            let _permit = permit;
            panic!("in the middle of it");
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(permits.available_permits(), 1);
    }
}
