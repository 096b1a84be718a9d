//! What a `Breaker` promises, one promise a test.

#![allow(clippy::unwrap_used, reason = "the panic of a test is its report")]

use std::future::{pending, ready};
use std::panic::resume_unwind;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use circuit_breaker::{Breaker, Error, Policy, Refused, State};
use futures::future::join_all;
use tokio::time::{advance, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

const POLICY: Policy = Policy {
    last: 10,
    within: Duration::from_secs(10),
    at_least: 4,
    percent: 50,
    open_for: Duration::from_secs(3),
};

/// Ends a call at once: `f` fails, anything else succeeds. Whether it was let through.
fn end(breaker: &Breaker, how: char) -> bool {
    let Ok(permit) = breaker.permit() else {
        return false;
    };
    if how == 'f' {
        permit.failed();
    } else {
        permit.succeeded();
    }
    true
}

/// How many of these calls are let through.
fn through(breaker: &Breaker, calls: &str) -> usize {
    calls.chars().filter(|how| end(breaker, *how)).count()
}

fn open() -> Breaker {
    let breaker = Breaker::new(POLICY);
    through(&breaker, "ffff");
    assert_eq!(breaker.state(), State::Open);
    breaker
}

async fn call(
    breaker: &Breaker,
    takes: Duration,
    result: Result<u32, u32>,
) -> Result<u32, Error<u32>> {
    let operation = async {
        sleep(takes).await;
        result
    };
    breaker.call(operation, |status| *status >= 500).await
}

#[tokio::test(start_paused = true)]
async fn it_opens_at_the_failure_that_makes_it_half_of_at_least_four() {
    for (calls, let_through, state) in [
        ("fff", 3, State::Closed),
        ("ffff", 4, State::Open),
        ("fffff", 4, State::Open),
        ("..ff", 4, State::Open),
        // The percentage is reached at a success; the next failure opens it.
        ("fff.", 4, State::Closed),
        ("fff.f", 5, State::Open),
        ("...f..f..f", 10, State::Closed),
        // Only the last ten are looked at.
        ("....................fffff", 25, State::Open),
        ("....................ffff", 24, State::Closed),
    ] {
        let breaker = Breaker::new(POLICY);
        assert_eq!(through(&breaker, calls), let_through, "{calls}");
        assert_eq!(breaker.state(), state, "{calls}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_counts_for_ten_seconds() {
    for (later, state) in [(10_000, State::Open), (10_001, State::Closed)] {
        let breaker = Breaker::new(POLICY);
        through(&breaker, "fff");
        advance(Duration::from_millis(later)).await;
        through(&breaker, "f");
        assert_eq!(breaker.state(), state, "{later} ms later");
    }
}

#[tokio::test(start_paused = true)]
async fn policies_that_make_no_sense_do_no_harm() {
    for (policy, calls, state) in [
        // No room for a single result: taken for one.
        (Policy { last: 0, ..POLICY }, "f", State::Open),
        // More results than are kept: taken for as many as are kept.
        (
            Policy {
                at_least: 99,
                ..POLICY
            },
            "ffffffffff",
            State::Open,
        ),
        (
            Policy {
                percent: usize::MAX,
                ..POLICY
            },
            "fffff",
            State::Closed,
        ),
        (
            Policy {
                within: Duration::MAX,
                open_for: Duration::MAX,
                ..POLICY
            },
            "ffff",
            State::Open,
        ),
    ] {
        let breaker = Breaker::new(policy);
        through(&breaker, calls);
        assert_eq!(breaker.state(), state, "{breaker:?}");
        advance(1000 * SECOND).await;
        let _ = breaker.permit();
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_let_through_until_its_time_is_over() {
    let breaker = open();
    advance(3 * SECOND - Duration::from_millis(1)).await;
    assert_eq!(breaker.permit().unwrap_err(), Refused);
    assert_eq!(breaker.state(), State::Open);
    advance(Duration::from_millis(1)).await;
    assert!(breaker.permit().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_refused_is_never_polled() {
    let breaker = open();
    let operation = async { unreachable!("it was polled") };
    let answer: Result<(), Error<u32>> = breaker.call(operation, |_| true).await;
    assert_eq!(answer, Err(Error::Refused));
}

#[tokio::test(start_paused = true)]
async fn of_a_hundred_callers_one_is_the_probe() {
    let breaker = open();
    advance(3 * SECOND).await;
    let answers = join_all((0..100).map(|_| call(&breaker, SECOND, Ok(1)))).await;
    let refused = |answer: &&Result<_, _>| **answer == Err(Error::Refused);
    assert_eq!(answers.iter().filter(refused).count(), 99);
    assert_eq!(breaker.state(), State::Closed);
    let answers = join_all((0..100).map(|_| call(&breaker, SECOND, Ok(1)))).await;
    assert_eq!(answers.iter().filter(refused).count(), 0);
}

// Real threads, real time: the callers do race.
#[test]
fn of_eight_threads_one_is_the_probe() {
    for _ in 0..200 {
        let breaker = Breaker::new(Policy {
            open_for: Duration::ZERO,
            ..POLICY
        });
        through(&breaker, "ffff");
        let barrier = Barrier::new(8);
        let probes: usize = thread::scope(|scope| {
            let race = || {
                barrier.wait();
                let permit = breaker.permit();
                barrier.wait(); // Nobody gives a permit back before all have asked.
                usize::from(permit.is_ok())
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(race)).collect();
            threads.into_iter().map(|one| one.join().unwrap()).sum()
        });
        assert_eq!(probes, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_opens_it_for_its_whole_time_again() {
    let breaker = open();
    advance(3 * SECOND).await;
    assert_eq!(
        call(&breaker, SECOND, Err(503)).await,
        Err(Error::Failed(503))
    );
    advance(3 * SECOND - Duration::from_millis(1)).await;
    assert!(breaker.permit().is_err());
    advance(Duration::from_millis(1)).await;
    assert!(breaker.permit().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_refused_by_the_service_closes_it() {
    let breaker = open();
    advance(3 * SECOND).await;
    assert_eq!(
        call(&breaker, SECOND, Err(400)).await,
        Err(Error::Failed(400))
    );
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_makes_room_for_the_next() {
    let breaker = open();
    advance(3 * SECOND).await;
    for _ in 0..3 {
        let probe = breaker.call(pending::<Result<(), u32>>(), |_| true);
        assert!(timeout(SECOND, probe).await.is_err());
    }
    assert_eq!(call(&breaker, SECOND, Ok(1)).await, Ok(1));
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_panics_makes_room_for_the_next() {
    let breaker = Arc::new(open());
    advance(3 * SECOND).await;
    let shared = Arc::clone(&breaker);
    let probe = tokio::spawn(async move {
        // Unlike `panic!`, it prints nothing.
        let operation = async { resume_unwind(Box::new("a bug")) };
        let _: Result<(), Error<u32>> = shared.call(operation, |_| true).await;
    });
    assert!(probe.await.unwrap_err().is_panic());
    assert_eq!(call(&breaker, SECOND, Ok(1)).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_keeps_everybody_out_as_long_as_it_lives() {
    let breaker = open();
    advance(3 * SECOND).await;
    let mut probe = std::pin::pin!(breaker.call(pending::<Result<(), u32>>(), |_| true));
    assert!(timeout(3600 * SECOND, &mut probe).await.is_err());
    assert_eq!(call(&breaker, SECOND, Ok(1)).await, Err(Error::Refused));
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_dropped_while_it_is_closed_do_not_count() {
    let breaker = Breaker::new(POLICY);
    for _ in 0..10 {
        let hangs = breaker.call(pending::<Result<(), u32>>(), |_| true);
        assert!(timeout(SECOND, hangs).await.is_err());
    }
    assert_eq!(through(&breaker, "fff"), 3);
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_for_the_state_in_which_it_began() {
    let breaker = Breaker::new(POLICY);
    let mut early: Vec<_> = (0..12).map(|_| breaker.permit().unwrap()).collect();
    let mut late = || early.pop().unwrap();
    through(&breaker, "ffff");

    late().succeeded();
    late().failed();
    assert_eq!(breaker.state(), State::Open);
    advance(3 * SECOND).await;
    let probe = breaker.permit().unwrap();
    late().succeeded();
    assert_eq!(breaker.state(), State::HalfOpen, "closed by a late success");
    late().failed();
    assert_eq!(breaker.state(), State::HalfOpen, "opened by a late failure");
    drop(late());
    assert_eq!(breaker.state(), State::HalfOpen, "freed by a late drop");
    probe.succeeded();
    for _ in 0..4 {
        late().failed();
    }
    assert_eq!(breaker.state(), State::Closed, "opened by late failures");
    assert_eq!(through(&breaker, "fff"), 3);
    assert_eq!(breaker.state(), State::Closed, "late failures were counted");
}

#[tokio::test(start_paused = true)]
async fn what_it_knew_is_forgotten_when_it_closes() {
    let breaker = open();
    advance(3 * SECOND).await;
    through(&breaker, ".");
    assert_eq!(through(&breaker, "ffff"), 4);
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn every_change_is_told_in_order() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&told);
    let breaker = Breaker::new(POLICY).on_change(move |state| log.lock().unwrap().push(state));
    through(&breaker, "ffff");
    for how in ['f', '.'] {
        advance(3 * SECOND).await;
        end(&breaker, how);
    }
    let expected = [
        State::Open,
        State::HalfOpen,
        State::Open,
        State::HalfOpen,
        State::Closed,
    ];
    assert_eq!(*told.lock().unwrap(), expected);
}

#[tokio::test]
async fn its_future_can_be_spawned() {
    let breaker = Arc::new(Breaker::new(POLICY));
    let task = tokio::spawn(async move {
        let answer: Result<u32, Error<u32>> = breaker.call(ready(Ok(1)), |_| true).await;
        answer
    });
    assert_eq!(task.await.unwrap(), Ok(1));
}

#[test]
fn errors_are_told_in_a_word_or_by_the_service() {
    let error: Error<std::io::Error> = Error::Refused;
    assert_eq!(error.to_string(), "refused");
    let error = Error::Failed(std::io::Error::other("connection reset"));
    assert_eq!(error.to_string(), "connection reset");
    assert_eq!(Refused.to_string(), "refused");
}
