use std::future::pending;
use std::hint;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use exercises::{Log, check, check_real, same, took, wrong};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::{advance, sleep};

use super::exercise::{Breaker, Error};

const OPEN_FOR: Duration = Duration::from_secs(3);

/// Takes 0.2 seconds for an answer, and counts its calls.
#[derive(Default)]
struct Service {
    calls: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Service {
    async fn ask(self: Arc<Self>, is_well: bool) -> Result<(), &'static str> {
        self.calls.fetch_add(1, Relaxed);
        let now = self.now.fetch_add(1, Relaxed) + 1;
        self.most.fetch_max(now, Relaxed);
        sleep(Duration::from_millis(200)).await;
        self.now.fetch_sub(1, Relaxed);
        if is_well { Ok(()) } else { Err("503") }
    }
}

/// What became of a hundred callers who came at the same moment.
struct Crowd {
    reached: usize,
    refused: usize,
    /// At one time.
    most: usize,
    /// The longest that one of them waited to be refused.
    waited: Duration,
}

async fn crowd(breaker: &Arc<Breaker>, is_well: bool) -> Crowd {
    let service = Arc::new(Service::default());
    let call = || {
        let (breaker, service) = (breaker.clone(), service.clone());
        async move { took(breaker.call(service.ask(is_well))).await }
    };
    let tasks: Vec<_> = (0..100).map(|_| tokio::spawn(call())).collect();
    let mut waits = Vec::new();
    for task in tasks {
        let (result, time) = task.await.unwrap();
        if result == Err(Error::Refused) {
            waits.push(time);
        }
    }
    Crowd {
        reached: service.calls.load(Relaxed),
        refused: waits.len(),
        most: service.most.load(Relaxed),
        waited: waits.into_iter().max().unwrap_or_default(),
    }
}

/// A breaker that has just opened.
async fn opened(open_for: Duration, monitoring: &Log) -> Arc<Breaker> {
    let breaker = Arc::new(Breaker::new(open_for, monitoring.clone()));
    let answer = breaker.call(async { Err::<(), _>("503") }).await;
    same("the answer of a 503", answer, Err(Error::Failed("503")));
    breaker
}

#[test]
fn a_hundred_callers_send_one_probe() {
    check(async {
        let breaker = opened(OPEN_FOR, &Log::new()).await;
        advance(OPEN_FOR).await;
        let Crowd {
            reached,
            refused,
            most,
            waited,
        } = crowd(&breaker, true).await;
        if reached > 1 && most == 1 {
            wrong(
                "a-lock-makes-one-probe",
                format!(
                    "Of 100 callers who came at the same moment {reached} reached the service, one \
                     after the other. They should be refused, and not wait for their turn."
                ),
            );
        }
        if reached > 1 {
            wrong(
                "asked-is-still-so",
                format!(
                    "Of 100 callers who came at the same moment {reached} reached the service. Each \
                     had found that the period was over, before anybody had changed anything."
                ),
            );
        }
        if !waited.is_zero() {
            wrong(
                "a-lock-makes-one-probe",
                format!(
                    "{refused} callers were refused, but not at once: the last of them heard of it after \
                     {} ms. Who is refused has nothing to wait for.",
                    waited.as_millis()
                ),
            );
        }
        same("the calls that reached the service", reached, 1);
        same("the callers who were refused", refused, 99);
    });
}

#[test]
fn after_a_probe_that_succeeds_all_get_through() {
    check(async {
        let monitoring = Log::new();
        let breaker = opened(OPEN_FOR, &monitoring).await;
        advance(OPEN_FOR).await;
        crowd(&breaker, true).await;
        let told = monitoring.lines();
        same(
            "how often the monitoring was told of one `half-open`",
            told.len(),
            1,
        );
        same("what it was told", told, ["half-open"]);
        let later = crowd(&breaker, true).await;
        if later.reached == 100 && later.most == 1 {
            wrong(
                "a-lock-makes-one-probe",
                "The breaker is closed, and 100 callers still wait for each other: the service gets \
                 one call at a time.",
            );
        }
        same("the calls that reached the service", later.reached, 100);
        same("those at one time", later.most, 100);
    });
}

#[test]
fn after_a_probe_that_fails_it_is_open_for_another_period() {
    check(async {
        let monitoring = Log::new();
        let breaker = opened(OPEN_FOR, &monitoring).await;
        for _ in 0..2 {
            let early = crowd(&breaker, true).await;
            same("the calls before the period is over", early.reached, 0);
            advance(OPEN_FOR).await;
            let probe = breaker.call(async { Err::<(), _>("503") }).await;
            same("the probe", probe, Err(Error::Failed("503")));
        }
        same(
            "what the monitoring was told",
            monitoring.lines(),
            ["half-open", "half-open"],
        );
    });
}

#[test]
fn two_threads_at_the_same_moment_send_one_probe() {
    check_real(async {
        let monitoring = Log::new();
        let one_after_the_other = opened(Duration::ZERO, &monitoring).await;
        let first = pin!(one_after_the_other.call(pending::<Result<(), ()>>()));
        let second = pin!(one_after_the_other.call(pending::<Result<(), ()>>()));
        let refused = [is_refused(first), is_refused(second)];
        same(
            "whether two callers, one after the other, are refused at once",
            refused,
            [false, true],
        );

        // How often two threads do meet depends on the machine, and on what else it does.
        let (began, mut periods, mut met) = (Instant::now(), 0, 0);
        while met < 1_000 && began.elapsed() < Duration::from_secs(1) {
            let mut breakers = Vec::new();
            for _ in 0..ROUNDS {
                breakers.push(opened(Duration::ZERO, &monitoring).await);
            }
            let race = spawn_blocking(move || on_two_threads(&breakers));
            let rounds = race.await.unwrap();
            periods += ROUNDS;
            met += rounds.iter().filter(|round| round.met).count();
            let count = |refused| rounds.iter().filter(|one| one.refused == refused).count();
            let both = count([false, false]);
            if both > 0 {
                wrong(
                    "asked-is-still-so",
                    format!(
                        "Two threads called at the same moment, at the end of {periods} open \
                         periods. In {both} of them neither of the two was refused."
                    ),
                );
            }
            same("how often both were refused", count([true, true]), 0);
            sleep(Duration::from_millis(1)).await;
        }
    });
}

const ROUNDS: usize = 50;

/// Two threads that called at the same moment.
struct Round {
    refused: [bool; 2],
    /// They ran at the same time, on two processors.
    met: bool,
}

/// One round for each breaker.
fn on_two_threads(breakers: &[Arc<Breaker>]) -> Vec<Round> {
    let (runtime, arrived) = (Handle::current(), AtomicUsize::new(0));
    let poll_all = || {
        let _guard = runtime.enter();
        let mut rounds = Vec::new();
        for breaker in breakers {
            let mut call = pin!(breaker.call(pending::<Result<(), ()>>()));
            let met = meet(&arrived);
            rounds.push((is_refused(call.as_mut()), met));
            // Both have called before a call is dropped.
            meet(&arrived);
        }
        rounds
    };
    let (one, other) = thread::scope(|scope| {
        let other = scope.spawn(poll_all);
        (poll_all(), other.join().unwrap())
    });
    one.into_iter()
        .zip(other)
        .map(|((one, met), (other, also_met))| Round {
            refused: [one, other],
            met: met || also_met,
        })
        .collect()
}

/// Polls a call once. One that was let through is then under way.
fn is_refused(call: Pin<&mut impl Future<Output = Result<(), Error<()>>>>) -> bool {
    let poll = call.poll(&mut Context::from_waker(Waker::noop()));
    poll == Poll::Ready(Err(Error::Refused))
}

/// Lets two threads go at the same moment; a `Barrier` would wake one of them long after the other.
/// Whether this one waited, and the other came while it did.
fn meet(arrived: &AtomicUsize) -> bool {
    const SPINS: u32 = 20_000;
    let both = (arrived.fetch_add(1, SeqCst) + 1).next_multiple_of(2);
    let mut spins = 0;
    while arrived.load(SeqCst) < both {
        spins += 1;
        if spins < SPINS {
            hint::spin_loop();
        } else {
            // Perhaps there is one processor for both.
            thread::yield_now();
        }
    }
    (1..SPINS).contains(&spins)
}
