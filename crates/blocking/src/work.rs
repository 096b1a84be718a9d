//! Work for a processor.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use blocking::compute;
use futures::StreamExt as _;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{self as channel, Receiver};
use tokio::task::coop::{consume_budget, unconstrained};
use tokio::task::{JoinError, yield_now};
use tokio::time::{sleep, timeout};
use tokio::try_join;

use crate::calls::count_primes;

/// A result, a panic, and a caller who does not wait.
pub(crate) fn cpu() -> anyhow::Result<()> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        println!(
            "primes below 40000: {}",
            compute(|_| count_primes(0..40_000)).await?
        );

        match compute(|_| -> usize { panic!("no such table") }).await {
            Ok(number) => println!("result: {number}"),
            Err(error) => println!("error: {error}"),
        }

        let (told, report) = mpsc::channel();
        let job = compute(move |caller_has_gone| {
            let mut rounds = 0;
            while !caller_has_gone() && rounds < 1_000_000 {
                black_box(count_primes(0..100));
                rounds += 1;
            }
            let _ = told.send(rounds < 1_000_000);
        });
        if timeout(Duration::from_millis(20), job).await.is_err() {
            println!("gave up after 20 ms");
        }
        if report.recv()? {
            println!("the job has noticed, and stopped");
        }
        Ok(())
    })
}

/// A computation.
fn piece() -> usize {
    black_box(count_primes(0..70_000))
}

/// Two of them, here and on rayon's threads, and what becomes of a heartbeat meanwhile.
pub(crate) fn speed() -> anyhow::Result<()> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let here = beside_a_heartbeat(async { anyhow::Ok(piece() + piece()) }).await?;
        report("here", &here, &here);
        let elsewhere = beside_a_heartbeat(async {
            let (one, two) = try_join!(compute(|_| piece()), compute(|_| piece()))?;
            anyhow::Ok(one + two)
        });
        report("with compute", &elsewhere.await?, &here);
        Ok(())
    })
}

/// How long something took, and how late the latest tick beside it was.
struct Seen {
    took: Duration,
    latest: Duration,
}

async fn beside_a_heartbeat<T>(
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<Seen> {
    let (beat, latest) = (Duration::from_millis(10), Arc::new(AtomicU64::new(0)));
    let seen = Arc::clone(&latest);
    let heart = tokio::spawn(async move {
        loop {
            let due = Instant::now() + beat;
            sleep(beat).await;
            let late = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
            seen.fetch_max(late, Ordering::Relaxed);
        }
    });
    yield_now().await; // it has begun
    let start = Instant::now();
    work.await?;
    let took = start.elapsed();
    sleep(2 * beat).await; // the tick that was due meanwhile
    heart.abort();
    let latest = Duration::from_micros(latest.load(Ordering::Relaxed));
    Ok(Seen { took, latest })
}

fn report(how: &str, seen: &Seen, alone: &Seen) {
    let times = alone.took.as_secs_f64() / seen.took.as_secs_f64();
    let (took, latest) = (seen.took.as_secs_f64(), seen.latest.as_secs_f64() * 1e3);
    println!("{how:16} {took:.3} s, {times:.1} times as fast, latest tick {latest:.0} ms late");
}

/// How many of its thousand rounds a task has done.
#[derive(Clone, Default)]
struct Rounds(Arc<AtomicU32>);

impl Rounds {
    fn one_more(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// After how many rounds of `work` another task has its first turn.
async fn turn_after<F>(work: impl FnOnce(Rounds) -> F) -> Result<u32, JoinError>
where
    F: Future<Output = ()> + Send + 'static,
{
    let rounds = Rounds::default();
    let work = tokio::spawn(work(rounds.clone()));
    let other = tokio::spawn(async move { rounds.0.load(Ordering::Relaxed) });
    let turn = other.await?;
    work.await?;
    Ok(turn)
}

/// A channel that holds a thousand messages.
fn full() -> Receiver<u32> {
    let (sender, receiver) = channel::channel(1000);
    for number in 0..1000 {
        // There is room for all.
        let _ = sender.try_send(number);
    }
    receiver
}

async fn receive(mut messages: Receiver<u32>, rounds: Rounds) {
    while messages.recv().await.is_some() {
        rounds.one_more();
    }
}

/// What tokio's budget does, and what it does not.
pub(crate) fn budget() -> anyhow::Result<()> {
    let runtime = Builder::new_current_thread().build()?;
    runtime.block_on(async {
        println!("a task with a thousand rounds; another task has its first turn after");
        let rounds = turn_after(|rounds| receive(full(), rounds)).await?;
        println!("{rounds:5} rounds that receive a message which is there");
        let rounds = turn_after(|rounds| unconstrained(receive(full(), rounds))).await?;
        println!("{rounds:5} such rounds, unconstrained");
        let rounds = turn_after(|rounds| async move {
            let (sender, mut messages) = futures::channel::mpsc::unbounded();
            for number in 0..1000 {
                let _ = sender.unbounded_send(number);
            }
            drop(sender);
            while messages.next().await.is_some() {
                rounds.one_more();
            }
        });
        println!(
            "{:5} such rounds, with a channel of the crate futures",
            rounds.await?
        );
        let rounds = turn_after(|rounds| async move {
            for _ in 0..1000 {
                rounds.one_more();
            }
        });
        println!("{:5} rounds that compute", rounds.await?);
        let rounds = turn_after(|rounds| async move {
            for _ in 0..1000 {
                consume_budget().await;
                rounds.one_more();
            }
        });
        println!("{:5} rounds that compute and pay for it", rounds.await?);
        let rounds = turn_after(|rounds| async move {
            for _ in 0..1000 {
                rounds.one_more();
                yield_now().await;
            }
        });
        println!("{:5} round that computes and yields", rounds.await?);
        Ok(())
    })
}
