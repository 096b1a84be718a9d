//! What a wait costs: a thread of its own, or a future.

use std::io;
use std::thread::{self, Builder};
use std::time::Duration;

use common::Stage;
use futures::future::join_all;
use tokio::time::{Instant, sleep};

/// Long enough that the last thread has started before the first one ends.
const WAIT: Duration = Duration::from_secs(1);

/// The memory of this process in bytes, where the system tells.
fn memory() -> Option<usize> {
    Some(memory_stats::memory_stats()?.physical_mem)
}

/// Gives back the memory while all of them wait.
fn on_threads(count: usize, wait: Duration) -> io::Result<Option<usize>> {
    thread::scope(|scope| {
        for _ in 0..count {
            Builder::new().spawn_scoped(scope, move || thread::sleep(wait))?;
        }
        Ok(memory())
    })
}

/// Gives back the memory while all of them wait.
async fn overlapped(count: usize) -> Option<usize> {
    let all = join_all((0..count).map(|_| sleep(WAIT)));
    // `join!` begins with the first: when it comes to the second, all of them wait.
    let (_, during) = tokio::join!(all, async { memory() });
    during
}

/// Waits `count` times at once, in both ways.
///
/// # Errors
///
/// If the system refuses a thread.
pub(crate) async fn compare(stage: &Stage, count: usize) -> io::Result<()> {
    if !(1..=5_000).contains(&count) {
        stage.usage_error("--waits takes 1 to 5000");
    }
    let (before, start) = (memory(), Instant::now());
    let during = overlapped(count).await;
    report("overlapped", count, start.elapsed(), before, during);

    let (before, start) = (memory(), std::time::Instant::now());
    let during = on_threads(count, WAIT)?;
    report("on threads", count, start.elapsed(), before, during);
    Ok(())
}

fn report(how: &str, count: usize, took: Duration, before: Option<usize>, during: Option<usize>) {
    print!("{count} waits of 1 s {how}: {:.2} s", took.as_secs_f64());
    match (before, during) {
        (Some(before), Some(during)) => {
            println!(", {} bytes each", during.saturating_sub(before) / count);
        }
        _ => println!(", memory not measured"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_thousand_waits_that_overlap_take_as_long_as_one() {
        let start = Instant::now();
        overlapped(1_000).await;
        assert_eq!(start.elapsed(), WAIT);
    }

    #[test]
    fn each_wait_can_have_its_thread() {
        let wait = Duration::from_millis(10);
        let start = std::time::Instant::now();
        assert!(on_threads(20, wait).is_ok());
        // Less would be the sign that nobody waited for them.
        assert!(start.elapsed() >= wait);
    }
}
