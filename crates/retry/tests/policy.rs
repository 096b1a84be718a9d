//! The policy on the paused clock: delays, deadlines and counts are exact.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::{Cell, RefCell};
use std::error::Error as _;
use std::future::{pending, ready};
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder, Retryable as _};
use futures::FutureExt as _;
use hyper::StatusCode;
use proptest::prelude::*;
use retry::{Budget, Cause, Causes, Count, Failure, GaveUp, Policy, Repeat, Why, full_jitter};
use tokio::time::{Instant, sleep, timeout};
use tracing_subscriber::layer::SubscriberExt as _;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

/// Delays of 1, 2 and 4 seconds.
fn calm() -> Policy {
    Policy {
        backoff: ExponentialBuilder::default(),
        ..Policy::default()
    }
}

fn refused() -> Failure {
    Failure::new(Cause::Refused)
}

fn answered(code: u16) -> Failure {
    Failure::new(Cause::Answered(StatusCode::from_u16(code).unwrap()))
}

/// Fails each time with `failure`. When each attempt began, and how it ended.
async fn attempts(policy: &Policy, repeat: Repeat, failure: &Failure) -> (Vec<Duration>, GaveUp) {
    let (start, times) = (Instant::now(), RefCell::new(Vec::new()));
    let operation = |_| {
        times.borrow_mut().push(start.elapsed());
        ready(Err::<(), _>(failure.clone()))
    };
    let gave_up = policy.run(repeat, operation).await.unwrap_err();
    (times.into_inner(), gave_up)
}

fn seconds(seconds: &[f64]) -> Vec<Duration> {
    seconds
        .iter()
        .copied()
        .map(Duration::from_secs_f64)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn delays_double() {
    let (times, gave_up) = attempts(&calm(), Repeat::Harmless, &refused()).await;
    assert_eq!(times, seconds(&[0.0, 1.0, 3.0, 7.0]));
    assert_eq!(gave_up.why, Why::NoAttempts);
    let after: Vec<Duration> = gave_up.failures.iter().map(|failed| failed.after).collect();
    assert_eq!(after, times);
}

#[tokio::test(start_paused = true)]
async fn with_a_seed_jitter_is_exact() {
    let seeded = Policy {
        backoff: ExponentialBuilder::default()
            .with_jitter()
            .with_jitter_seed(3),
        ..calm()
    };
    let (times, _) = attempts(&seeded, Repeat::Harmless, &refused()).await;
    let mut rng = fastrand::Rng::with_seed(3);
    let mut expected = vec![Duration::ZERO];
    for delay in [1, 2, 4] {
        let delay = SECOND * delay;
        let delay = delay + delay.mul_f32(rng.f32());
        // tokio's timer counts whole milliseconds, and never wakes too early.
        let millis = u64::try_from(delay.as_micros().div_ceil(1000)).unwrap();
        expected.push(expected[expected.len() - 1] + Duration::from_millis(millis));
    }
    assert_eq!(times, expected);
    assert_eq!(times, seconds(&[0.0, 1.582, 4.216, 9.791]));
}

#[tokio::test(start_paused = true)]
async fn a_sleeper_of_your_own_gets_the_delays() {
    let start = Instant::now();
    let delays = Arc::new(Mutex::new(Vec::new()));
    let sleeper = {
        let delays = Arc::clone(&delays);
        move |delay| {
            delays.lock().unwrap().push(delay);
            ready(())
        }
    };
    let call = || ready(Err::<(), _>("no"));
    let result = call.retry(ExponentialBuilder::default()).sleep(sleeper);
    assert!(result.await.is_err());
    assert_eq!(*delays.lock().unwrap(), [SECOND, 2 * SECOND, 4 * SECOND]);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn backons_total_delay_leaves_out_the_attempts() {
    let start = Instant::now();
    let hang = || timeout(SECOND, pending::<()>());
    let backoff = ExponentialBuilder::default()
        .with_min_delay(SECOND / 2)
        .with_total_delay(Some(4 * SECOND));
    assert!(hang.retry(backoff).await.is_err());
    // Four attempts of a second, and 0.5 + 1 + 2 seconds between them.
    assert_eq!(start.elapsed(), Duration::from_millis(7500));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_has_its_time_and_the_whole_has_its_own() {
    let start = Instant::now();
    let policy = Policy {
        attempt: SECOND,
        total: Duration::from_millis(3500),
        ..calm()
    };
    let hang = |_| pending::<Result<(), Failure>>();
    let gave_up = policy.run(Repeat::Harmless, hang).await.unwrap_err();
    // From 0 to 1, from 2 to 3. The wait until 5 would be for nothing.
    assert_eq!(start.elapsed(), 3 * SECOND);
    assert_eq!((gave_up.why, gave_up.failures.len()), (Why::NoTime, 2));

    let start = Instant::now();
    let policy = Policy {
        total: Duration::from_millis(2500),
        ..policy
    };
    let gave_up = policy.run(Repeat::Harmless, hang).await.unwrap_err();
    // The second attempt is cut short.
    assert_eq!(start.elapsed(), Duration::from_millis(2500));
    assert_eq!((gave_up.why, gave_up.failures.len()), (Why::NoTime, 2));
}

#[tokio::test(start_paused = true)]
async fn no_wait_is_made_that_leads_to_no_attempt() {
    let policy = Policy {
        total: 7 * SECOND,
        ..calm()
    };
    let (times, gave_up) = attempts(&policy, Repeat::Harmless, &refused()).await;
    assert_eq!(times, seconds(&[0.0, 1.0, 3.0]));
    assert_eq!(gave_up.why, Why::NoTime);
    assert_eq!(gave_up.failures[2].after, 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_and_does_not_lift_the_limit() {
    let busy = answered(503).after(5 * SECOND);
    let (times, gave_up) = attempts(&calm(), Repeat::Harmless, &busy).await;
    assert_eq!(times, seconds(&[0.0, 6.0, 13.0, 22.0]));
    assert_eq!(gave_up.why, Why::NoAttempts);
    // No time for that, so it ends at once. No pause is too long to be added up.
    for pause in [HOUR, Duration::MAX] {
        let (times, gave_up) =
            attempts(&calm(), Repeat::Harmless, &answered(503).after(pause)).await;
        assert_eq!((times.len(), gave_up.why), (1, Why::NoTime));
    }
}

#[tokio::test(start_paused = true)]
async fn clients_with_the_same_retry_after_do_not_come_at_the_same_moment() {
    let busy = answered(503).after(5 * SECOND);
    let mut seconds = Vec::new();
    for seed in 1..=12 {
        let policy = Policy {
            backoff: ExponentialBuilder::default()
                .with_jitter()
                .with_jitter_seed(seed),
            ..calm()
        };
        let (times, _) = attempts(&policy, Repeat::Harmless, &busy).await;
        seconds.push(times[1]);
    }
    assert!(seconds.iter().all(|at| *at >= 5 * SECOND), "{seconds:?}");
    seconds.sort_unstable();
    seconds.dedup();
    assert_eq!(seconds.len(), 12);
}

/// The documentation of `backon` shows such an `adjust` for `Retry-After`.
#[tokio::test(start_paused = true)]
async fn an_adjust_that_forgets_the_backoff_has_no_limit() {
    let calls = Cell::new(0);
    let call = || {
        calls.set(calls.get() + 1);
        ready(Err::<(), _>("busy"))
    };
    let for_ever = call
        .retry(ExponentialBuilder::default())
        .adjust(|_, _| Some(SECOND));
    assert!(timeout(HOUR, for_ever).await.is_err());
    assert_eq!(calls.get(), 3601);
}

#[tokio::test(start_paused = true)]
async fn what_may_be_tried_again() {
    for (failure, harmless, harmful) in [
        (refused(), 4, 4),
        (answered(429), 4, 4),
        (answered(503), 4, 4),
        (Failure::new(Cause::Reset), 4, 1),
        (Failure::new(Cause::TimedOut), 4, 1),
        (answered(408), 4, 1),
        (answered(502), 4, 1),
        (answered(504), 4, 1),
        (answered(400), 1, 1),
        (answered(404), 1, 1),
        (answered(500), 1, 1),
        (answered(501), 1, 1),
    ] {
        let (times, _) = attempts(&calm(), Repeat::Harmless, &failure).await;
        assert_eq!(times.len(), harmless, "{failure}");
        let (times, gave_up) = attempts(&calm(), Repeat::Harmful, &failure).await;
        assert_eq!(times.len(), harmful, "{failure}");
        let why = match (harmless, harmful) {
            (1, 1) => Why::Permanent,
            (4, 1) => Why::MayHaveBeenDone,
            _ => Why::NoAttempts,
        };
        assert_eq!(gave_up.why, why, "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_not_tried_again() {
    let calls = Cell::new(0);
    let policy = calm();
    let bug = policy.run(Repeat::Harmless, |_| {
        calls.set(calls.get() + 1);
        async {
            let rows: Vec<u32> = Vec::new();
            Ok(rows[calls.get()])
        }
    });
    assert!(AssertUnwindSafe(bug).catch_unwind().await.is_err());
    assert_eq!(calls.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn dropped_during_a_wait_it_leaves_nothing_behind() {
    let held = Arc::new(());
    let calls = Cell::new(0);
    let policy = calm();
    let kept = Arc::clone(&held);
    let run = policy.run(Repeat::Harmless, |_| {
        let _mine = Arc::clone(&kept);
        calls.set(calls.get() + 1);
        ready(Err::<(), _>(refused()))
    });
    assert!(timeout(SECOND * 3 / 2, run).await.is_err());
    assert_eq!(Arc::strong_count(&held), 2, "`kept` itself");
    sleep(HOUR).await;
    assert_eq!(calls.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn dropped_during_an_attempt_it_drops_the_attempt() {
    let held = Arc::new(());
    let policy = calm();
    let run = policy.run(Repeat::Harmless, |_| {
        let held = Arc::clone(&held);
        async move {
            pending::<()>().await;
            drop(held);
            Ok(())
        }
    });
    assert!(timeout(SECOND, run).await.is_err());
    assert_eq!(Arc::strong_count(&held), 1);
}

#[tokio::test(start_paused = true)]
async fn the_error_has_its_chain_and_every_attempt() {
    let policy = calm();
    let result = policy.run(Repeat::Harmless, async |attempt| match attempt {
        1 => Err::<(), _>(refused()),
        2 => Err(Failure::new(Cause::Reset).caused_by(io::Error::other("wire cut"))),
        _ => Err(answered(400).caused_by(io::Error::other("no such field"))),
    });
    let gave_up = result.await.unwrap_err();
    let causes: Vec<Cause> = gave_up
        .failures
        .iter()
        .map(|failed| failed.failure.cause)
        .collect();
    let bad = Cause::Answered(StatusCode::BAD_REQUEST);
    assert_eq!(causes, [Cause::Refused, Cause::Reset, bad]);
    let second = gave_up.failures[1].failure.source().unwrap();
    assert_eq!(second.to_string(), "wire cut");
    assert_eq!(
        format!("{:#}", anyhow::Error::from(gave_up)),
        "gave up after 3 attempts, it would fail again: answered 400 Bad Request: no such field"
    );
}

#[tokio::test(start_paused = true)]
async fn a_policy_can_run_in_a_task() {
    let policy = Policy {
        budget: Some(Arc::new(Budget::new(10, 10))),
        ..Policy::default()
    };
    let task = tokio::spawn(async move {
        let operation = async |attempt| {
            if attempt < 3 {
                Err(refused())
            } else {
                Ok(attempt)
            }
        };
        policy.run(Repeat::Harmless, operation).await
    });
    assert_eq!(task.await.unwrap().unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn retries_are_a_part_of_the_requests() {
    let budget = Arc::new(Budget::new(10, 5));
    let policy = Policy {
        budget: Some(Arc::clone(&budget)),
        ..calm()
    };
    let mut calls = 0;
    let mut refused_by_budget = 0;
    for _ in 0..1000 {
        let (times, gave_up) = attempts(&policy, Repeat::Harmless, &refused()).await;
        calls += times.len();
        refused_by_budget += u32::from(gave_up.why == Why::NoBudget);
    }
    // 1000 requests, a tenth of that, and the 5 in reserve. What the first request brings flows
    // over: the bucket was full.
    assert!((1104..=1105).contains(&calls), "{calls}");
    assert!(refused_by_budget > 900);
}

#[test]
fn a_budget_is_never_overdrawn_by_threads() {
    let budget = Budget::new(10, 500);
    let taken: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..1000).filter(|_| budget.withdraw()).count()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(taken, 500);
    for _ in 0..9 {
        budget.deposit();
    }
    assert!(!budget.withdraw(), "nine tenths");
    budget.deposit();
    assert!(budget.withdraw());
}

#[test]
fn a_budget_of_any_size_is_no_panic() {
    let full = Budget::new(u32::MAX, u32::MAX);
    full.deposit();
    assert!(full.withdraw());
    let none = Budget::new(0, 0);
    none.deposit();
    assert!(!none.withdraw());
}

#[tokio::test(start_paused = true)]
async fn a_token_is_taken_only_for_a_retry_that_takes_place() {
    let policy = Policy {
        budget: Some(Arc::new(Budget::new(0, 1))),
        ..calm()
    };
    let (times, _) = attempts(&policy, Repeat::Harmless, &answered(400)).await;
    assert_eq!(times.len(), 1);
    let (times, _) = attempts(&policy, Repeat::Harmless, &answered(503).after(HOUR)).await;
    assert_eq!(times.len(), 1);
    let (times, gave_up) = attempts(&policy, Repeat::Harmless, &refused()).await;
    assert_eq!((times.len(), gave_up.why), (2, Why::NoBudget));
}

#[tokio::test(start_paused = true)]
async fn failures_are_counted_by_cause() {
    let causes = Causes::default();
    let log = tracing_subscriber::registry().with(causes.clone());
    let guard = tracing::subscriber::set_default(log);
    attempts(&calm(), Repeat::Harmless, &refused()).await;
    attempts(&calm(), Repeat::Harmful, &Failure::new(Cause::Reset)).await;
    attempts(&calm(), Repeat::Harmless, &answered(503).after(5 * SECOND)).await;
    let ok = calm().run(Repeat::Harmless, async |_| Ok(())).await;
    assert!(ok.is_ok());
    tracing::error!(cause = "somebody else's", "failed");
    drop(guard);
    let count = |tried_again, gave_up, waited| Count {
        tried_again,
        gave_up,
        waited: waited * SECOND,
    };
    let counts: Vec<(String, Count)> = causes.counts().into_iter().collect();
    assert_eq!(
        counts,
        [
            ("503".to_owned(), count(3, 1, 22)),
            ("refused".to_owned(), count(3, 1, 7)),
            ("reset".to_owned(), count(0, 1, 0)),
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What `backon` calls jitter is added: never less than the delay, and up to twice `max_delay`.
    #[test]
    fn backons_jitter_lies_between_once_and_twice_the_delay(seed: u64) {
        let backoff = ExponentialBuilder::default().with_max_delay(2 * SECOND);
        let jitter = backoff.with_jitter().with_jitter_seed(seed);
        for (delay, with_jitter) in backoff.build().zip(jitter.build()) {
            prop_assert!((delay..=2 * delay).contains(&with_jitter));
        }
        let rng = fastrand::Rng::with_seed(seed);
        for (delay, jitter) in backoff.build().zip(full_jitter(backoff, rng)) {
            prop_assert!(jitter < delay);
        }
    }

    /// Whatever the service does: never more attempts, and never longer, than the policy says.
    #[test]
    fn no_limit_is_ever_passed(
        attempt in 1..3000_u64,
        total in 1..20_000_u64,
        max_times in 0..6_usize,
        script in prop::collection::vec((0..4000_u64, 0..3_u64), 8),
        seed: u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let policy = Policy {
            backoff: ExponentialBuilder::default()
                .with_jitter()
                .with_jitter_seed(seed)
                .with_max_times(max_times),
            attempt: Duration::from_millis(attempt),
            total: Duration::from_millis(total),
            budget: None,
        };
        let (gave_up, took) = runtime.block_on(async {
            let start = Instant::now();
            let run = policy.run(Repeat::Harmless, |attempt| {
                let (millis, pause) = script[attempt as usize - 1];
                async move {
                    sleep(Duration::from_millis(millis)).await;
                    Err::<(), _>(answered(503).after(Duration::from_secs(pause)))
                }
            });
            (run.await.unwrap_err(), start.elapsed())
        });
        prop_assert!(took <= Duration::from_millis(total), "{took:?}");
        prop_assert!((1..=max_times + 1).contains(&gave_up.failures.len()));
        // It ends with a failure, and not with a wait after one.
        prop_assert_eq!(gave_up.failures.last().unwrap().after, took);
    }
}
