//! The same `tokio::spawn` on a runtime with several threads, which is tokio's default.

use std::error::Error;

use common::{Stage, Trace as _};
use tokio::runtime::Builder;
use tokio::task::{JoinError, yield_now};
use tokio::time::Instant;

/// Work for a processor. It awaits nothing, so its thread does nothing else meanwhile.
fn count_primes(below: u32) -> usize {
    let is_prime = |n: u32| {
        let mut divisors = (2..n).take_while(|d| d * d <= n);
        divisors.all(|d| !n.is_multiple_of(d))
    };
    (2..below).filter(|n| is_prime(*n)).count()
}

/// Computes in four steps and gives way after each: it may go on on another thread.
async fn compute(below: u32) -> usize {
    let mut primes = 0;
    for _ in 0..4 {
        primes = count_primes(below);
        yield_now().await;
    }
    primes
}

async fn three_computations() -> Result<(), JoinError> {
    let handles = [20_000, 30_000, 40_000]
        .map(|below| tokio::spawn(compute(below).traced(format!("compute({below})"))));
    for handle in handles {
        println!("{} primes", handle.await?);
    }
    Ok(())
}

/// Runs the computations on a runtime of its own, with `count` threads.
///
/// # Errors
///
/// If the threads cannot be started, or a computation panics.
pub(crate) fn run(stage: &Stage, count: usize) -> Result<(), Box<dyn Error>> {
    if stage.instant() {
        stage.usage_error("--threads computes, which takes real time: leave out --instant");
    }
    if !(1..=64).contains(&count) {
        stage.usage_error("--threads takes 1 to 64");
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(count)
        .enable_all()
        .build()?;
    let start = Instant::now();
    runtime.block_on(three_computations())?;
    println!("threads: {count}, {:.2} s", start.elapsed().as_secs_f64());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// Spawns two tasks, each of which blocks its thread until the other one has spoken or `limit`
    /// is over. Gives back whether they heard each other.
    async fn meet(limit: Duration) -> [bool; 2] {
        let (to_second, second) = mpsc::channel();
        let (to_first, first) = mpsc::channel();
        let handles = [(to_second, first), (to_first, second)].map(|(other, own)| {
            tokio::spawn(async move { other.send(()).is_ok() && own.recv_timeout(limit).is_ok() })
        });
        let [first, second] = handles;
        [first.await.unwrap(), second.await.unwrap()]
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_two_threads_two_tasks_run_at_the_same_time() {
        assert_eq!(meet(Duration::from_mins(1)).await, [true, true]);
    }

    #[tokio::test]
    async fn on_one_thread_they_cannot() {
        // The first waits in vain and ends. When the second speaks, nobody listens any more.
        assert_eq!(meet(Duration::from_millis(10)).await, [false, false]);
    }

    #[tokio::test]
    async fn each_computation_counts_the_primes() {
        assert_eq!(count_primes(100), 25);
        assert_eq!(compute(100).await, 25);
    }
}
