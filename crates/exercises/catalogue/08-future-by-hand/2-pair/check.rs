use std::future::{poll_fn, ready};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use exercises::{Hang, check, if_it_hangs, same, seconds, took, wrong};
use futures::FutureExt as _;
use tokio::time::sleep;

use super::exercise::pair;

async fn wait(seconds: u64) -> u64 {
    sleep(Duration::from_secs(seconds)).await;
    seconds
}

#[test]
fn both_values_come_when_both_are_there() {
    check(async {
        if_it_hangs(
            Hang::Spinning,
            "pending-means-ask-again",
            "The pair wakes itself at each poll, and so the clock never gets to move on.",
        );
        for (first, second) in [(1, 2), (2, 1), (2, 2)] {
            let together = AssertUnwindSafe(took(pair(wait(first), wait(second))));
            let Ok((values, time)) = together.catch_unwind().await else {
                wrong(
                    "poll-after-ready",
                    "It panicked: a future that had given its value was polled again.",
                );
            };
            same("the values", values, (first, second));
            let both = seconds(Duration::from_secs(first + second));
            if seconds(time) == both {
                wrong(
                    "wait-for-all-before-polling",
                    format!("Waits of {first} and {second} seconds took {both}: their sum."),
                );
            }
            same("the time", seconds(time), "2.0 s");
        }
    });
}

#[test]
fn it_is_polled_when_one_of_them_is_woken_and_not_otherwise() {
    check(async {
        if_it_hangs(
            Hang::Spinning,
            "pending-means-ask-again",
            "The pair wakes itself at each poll, and so the clock never gets to move on.",
        );
        let mut polls = 0;
        let mut together = pin!(pair(wait(1), wait(2)));
        let counted = poll_fn(|cx| {
            polls += 1;
            together.as_mut().poll(cx)
        });
        // How it may go wrong is told by the other checks.
        let _ = AssertUnwindSafe(counted).catch_unwind().await;
        same("whether it was polled four times at most", polls <= 4, true);
    });
}

#[test]
fn what_is_ready_at_once_takes_one_poll() {
    check(async {
        let together = AssertUnwindSafe(pair(ready("a"), ready(7)));
        let values = together.catch_unwind().await.ok();
        same("the values", values, Some(("a", 7)));
    });
}
