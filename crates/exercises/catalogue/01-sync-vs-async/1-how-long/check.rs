use std::time::{Duration, Instant};

use exercises::{check, predicted, took, wrong};

use super::exercise::{
    BLOCKING_JOINED, IN_THREADS, JOINED, ONE_BY_ONE, blocking_joined, in_threads, joined,
    one_by_one,
};

#[test]
fn one_by_one_takes_what_you_say() {
    check(async {
        let ((), time) = took(one_by_one()).await;
        if ONE_BY_ONE == 30 {
            wrong(
                "await-is-later",
                "You say 30: as if the second wait began while the first is awaited.",
            );
        }
        predicted("ONE_BY_ONE", u128::from(ONE_BY_ONE), time.as_millis());
    });
}

#[test]
fn joined_takes_what_you_say() {
    check(async {
        let ((), time) = took(joined()).await;
        if JOINED == 60 {
            wrong(
                "join-is-sequential",
                "You say 60: the sum, as if each waited for the one before it.",
            );
        }
        predicted("JOINED", u128::from(JOINED), time.as_millis());
    });
}

#[test]
fn blocking_joined_takes_what_you_say() {
    check(async {
        // Blocking takes real time, on any machine at least the sum.
        let started = Instant::now();
        blocking_joined().await;
        assert!(started.elapsed() >= Duration::from_millis(60));
        if BLOCKING_JOINED == 30 {
            wrong(
                "async-makes-it-concurrent",
                "You say 30: as if `async` before the function let the blocking calls overlap.",
            );
        }
        predicted("BLOCKING_JOINED", BLOCKING_JOINED, 60);
    });
}

#[test]
fn in_threads_takes_what_you_say() {
    let started = Instant::now();
    in_threads();
    let time = started.elapsed();
    assert!(time >= Duration::from_millis(30));
    check(async {
        if IN_THREADS == 60 {
            wrong(
                "only-one-thread-waits",
                "You say 60: as if one thread had to wait for the other to wake.",
            );
        }
        predicted("IN_THREADS", IN_THREADS, 30);
    });
}
