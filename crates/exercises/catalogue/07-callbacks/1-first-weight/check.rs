use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use exercises::{Hang, check, if_it_hangs, same, seconds, took, wrong};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::exercise::{Callback, NoWeight, weigh};

/// Calls back with each weight so many seconds after the one before, and drops the callback so
/// many seconds after the last. Gives the weights whose calls panicked.
async fn drive(mut callback: Callback, weights: Vec<(u64, u32)>, drop_after: u64) -> Vec<u32> {
    let mut panicked = Vec::new();
    for (seconds, grams) in weights {
        if seconds > 0 {
            sleep(Duration::from_secs(seconds)).await;
        }
        if catch_unwind(AssertUnwindSafe(|| callback(grams))).is_err() {
            panicked.push(grams);
        }
    }
    sleep(Duration::from_secs(drop_after)).await;
    panicked
}

/// Awaits `weigh` with such a driver, for a limited time if that is wanted; gives the driver as
/// well.
async fn weigh_with(
    weights: &[(u64, u32)],
    drop_after: u64,
    limit: Option<Duration>,
) -> (Option<Result<u32, NoWeight>>, JoinHandle<Vec<u32>>) {
    let weights = weights.to_vec();
    let mut driver = None;
    let weight = weigh(|callback| {
        driver = Some(tokio::spawn(drive(callback, weights, drop_after)));
    });
    let weight = match limit {
        Some(limit) => timeout(limit, weight).await.ok(),
        None => Some(weight.await),
    };
    let driver = driver.expect("`weigh` must call `start`, which starts the driver.");
    (weight, driver)
}

const HALF_AN_HOUR: u64 = 30 * 60;

#[test]
fn the_first_weight_is_given_when_it_comes() {
    check(async {
        // The driver holds the callback for long after its call.
        let ((weight, _), time) = took(weigh_with(&[(2, 70)], HALF_AN_HOUR, None)).await;
        same("the weight", weight, Some(Ok(70)));
        same("the time of a weight after 2 s", seconds(time), "2.0 s");
    });
}

#[test]
fn a_second_weight_changes_nothing() {
    check(async {
        // The second comes before the one who waits can look at the first.
        let (weight, driver) = weigh_with(&[(1, 80), (0, 85), (1, 90)], 1, None).await;
        let panicked = driver.await.unwrap();
        if !panicked.is_empty() && !panicked.contains(&80) {
            wrong(
                "called-exactly-once",
                "The driver called with 80, 85 and 90, and the callback panicked in a later call. \
                 Here the check catches the panic; a driver would end with it.",
            );
        }
        same("the calls that panicked", panicked, Vec::<u32>::new());
        same("the weight, of 80, 85 and 90", weight, Some(Ok(80)));
    });
}

#[test]
fn a_weight_may_come_before_start_returns() {
    check(async {
        let weight = weigh(|mut callback| callback(42)).await;
        same("the weight", weight, Ok(42));
    });
}

#[test]
fn a_dropped_callback_is_an_error_at_once() {
    check(async {
        if_it_hangs(
            Hang::Pending,
            "sender-kept",
            "The driver has dropped the callback without a call, and `weigh` still waits: \
             somebody has another sender.",
        );
        let ((weight, _), time) = took(weigh_with(&[], 2, None)).await;
        if weight == Some(Err(NoWeight)) && time > Duration::from_secs(2) {
            wrong(
                "lost-callback-is-silence",
                format!(
                    "The driver dropped the callback after 2.0 s. `weigh` failed after {}.",
                    seconds(time)
                ),
            );
        }
        same("the result", weight, Some(Err(NoWeight)));
        same(
            "the time, with a callback dropped after 2 s",
            seconds(time),
            "2.0 s",
        );
    });
}

#[test]
fn a_late_weight_is_no_lost_one() {
    check(async {
        let ((weight, _), time) = took(weigh_with(&[(HALF_AN_HOUR, 60)], 0, None)).await;
        if weight == Some(Err(NoWeight)) && time < Duration::from_secs(HALF_AN_HOUR) {
            wrong(
                "lost-callback-is-silence",
                format!(
                    "The driver still had the callback, and called it after half an hour. `weigh` \
                     had failed after {}.",
                    seconds(time)
                ),
            );
        }
        same("the weight after half an hour", weight, Some(Ok(60)));
    });
}

#[test]
fn who_gives_up_does_the_driver_no_harm() {
    check(async {
        let (_, driver) = weigh_with(&[(2, 70)], 0, None).await;
        let panicked = driver.await.unwrap();
        same(
            "the calls that panicked while somebody waited",
            panicked,
            Vec::<u32>::new(),
        );
        let limit = Some(Duration::from_secs(1));
        let (weight, driver) = weigh_with(&[(2, 70)], 0, limit).await;
        same("the weight, given up after 1 s", weight, None);
        if !driver.await.unwrap().is_empty() {
            wrong(
                "somebody-still-waits",
                "Somebody awaited a weight for 1 s. It came after 2 s, and the callback panicked. \
                 Here the check catches the panic; a driver would end with it.",
            );
        }
    });
}
