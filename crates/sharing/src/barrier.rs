//! A barrier: nobody goes on before all have come.

use std::sync::Arc;

use common::Trace as _;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{LONG, SECOND, seconds_since};

/// Comes after half as many seconds, and goes on when all have come. Whether it is the one who was
/// chosen to lead, and when it went.
async fn runner(number: u32, line: Arc<Barrier>) -> (u32, bool, f64) {
    let start = Instant::now();
    sleep(number * SECOND / 2).await;
    let leads = line.wait().await.is_leader();
    (number, leads, seconds_since(start))
}

async fn three_runners() -> anyhow::Result<()> {
    let line = Arc::new(Barrier::new(3));
    let mut runners = JoinSet::new();
    for number in 1..=3 {
        let runner = runner(number, Arc::clone(&line));
        runners.spawn(runner.traced(format_args!("runner({number})")));
    }
    // They go at the same moment, and tokio wakes them in any order.
    let mut gone = Vec::new();
    while let Some(runner) = runners.join_next().await {
        gone.push(runner?);
    }
    gone.sort_by_key(|(number, ..)| *number);
    for (number, _, seconds) in &gone {
        println!("runner({number}) goes after {seconds:.1} s");
    }
    let leaders = gone.iter().filter(|(_, leads, _)| *leads).count();
    println!("leaders: {leaders}");
    Ok(())
}

/// Two are awaited. One comes and gives up; another one comes.
async fn one_gives_up() {
    let line = Barrier::new(2);
    if timeout(SECOND / 2, line.wait()).await.is_err() {
        println!("the first gave up");
    }
    match timeout(LONG, line.wait()).await {
        Ok(_) => println!("the second goes, alone"),
        Err(_) => println!("the second waits in vain"),
    }
}

/// A barrier that can be called off: the wait is dropped when the token is cancelled.
async fn called_off() -> anyhow::Result<()> {
    let start = Instant::now();
    let line = Barrier::new(2);
    let off = CancellationToken::new();
    let waiter = async {
        match off.run_until_cancelled(line.wait()).await {
            Some(_) => println!("it goes"),
            None => println!("called off after {:.1} s", seconds_since(start)),
        }
    };
    let starter = async {
        sleep(SECOND / 2).await;
        off.cancel();
    };
    tokio::join!(waiter, starter);
    Ok(())
}

/// `asyncio.Barrier`.
pub(crate) async fn barrier() -> anyhow::Result<()> {
    three_runners().await?;
    one_gives_up().await;
    called_off().await
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::lock;
    use tokio::sync::Notify;

    /// A barrier that takes a waiter off the count when it is dropped.
    struct Line {
        parties: usize,
        state: Mutex<State>,
        go: Notify,
    }

    #[derive(Default)]
    struct State {
        arrived: usize,
        round: u64,
    }

    struct Place<'a> {
        line: &'a Line,
        round: u64,
    }

    impl Drop for Place<'_> {
        fn drop(&mut self) {
            let mut state = lock(&self.line.state);
            if state.round == self.round {
                state.arrived -= 1; // its round has not gone
            }
        }
    }

    impl Line {
        async fn wait(&self) {
            let (_place, go) = {
                let mut state = lock(&self.state);
                let round = state.round;
                state.arrived += 1;
                if state.arrived == self.parties {
                    state.arrived = 0;
                    state.round += 1;
                    self.go.notify_waiters();
                    return;
                }
                (Place { line: self, round }, self.go.notified())
            };
            go.await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_barrier_by_hand_takes_a_dropped_waiter_off() {
        let line = Line {
            parties: 2,
            state: Mutex::default(),
            go: Notify::new(),
        };
        for _round in 1..=2 {
            let start = Instant::now();
            assert!(timeout(SECOND, line.wait()).await.is_err());
            let third = async {
                sleep(SECOND).await;
                line.wait().await;
            };
            tokio::join!(line.wait(), third);
            assert_eq!(start.elapsed(), 2 * SECOND);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_barrier_waits_for_all_and_names_one_leader() {
        let line = Barrier::new(3);
        for round in 1..=2 {
            let start = Instant::now();
            let runner = async |number: u32| {
                sleep(number * SECOND).await;
                let leads = line.wait().await.is_leader();
                assert_eq!(start.elapsed(), 3 * SECOND);
                leads
            };
            let leaders: [bool; 3] = tokio::join!(runner(1), runner(2), runner(3)).into();
            let leaders = leaders.into_iter().filter(|leads| *leads).count();
            assert_eq!(leaders, 1, "round {round}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_gave_up_at_a_barrier_is_still_counted() {
        let line = Barrier::new(2);
        assert!(timeout(SECOND, line.wait()).await.is_err());
        // The same one comes again, and goes alone.
        assert!(timeout(SECOND, line.wait()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_barrier_that_is_called_off_must_be_replaced() {
        let off = CancellationToken::new();
        let line = Barrier::new(2);
        let cancel = async { off.cancel() };
        let (went, ()) = tokio::join!(off.run_until_cancelled(line.wait()), cancel);
        assert!(went.is_none());
        // It has counted the one who was called off.
        assert!(timeout(SECOND, line.wait()).await.is_ok());
    }
}
