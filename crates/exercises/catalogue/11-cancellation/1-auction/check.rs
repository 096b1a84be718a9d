use std::time::Duration;

use exercises::{check, same, seconds, took, wrong};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::exercise::auction;

/// Bids after so many seconds. When all are made, somebody could still bid for an hour.
fn bidders(bids: &'static [(u64, u32)]) -> mpsc::Receiver<u32> {
    let (sender, receiver) = mpsc::channel(1);
    let opened = Instant::now();
    tokio::spawn(async move {
        for &(second, bid) in bids {
            sleep_until(opened + Duration::from_secs(second)).await;
            if sender.send(bid).await.is_err() {
                return;
            }
        }
        sleep(Duration::from_secs(3600)).await;
    });
    receiver
}

const EVERY_THREE_SECONDS: [(u64, u32); 6] =
    [(3, 50), (6, 90), (9, 70), (12, 200), (15, 210), (18, 220)];

#[test]
fn after_ten_seconds_it_is_closed() {
    check(async {
        let (highest, time) = took(auction(bidders(&EVERY_THREE_SECONDS))).await;
        let told = format!("Somebody bid every 3 s. It closed after {}", seconds(time));
        match time.as_secs() {
            22 => wrong(
                "select-resumes",
                format!(
                    "{told}, 4 s after the last bid: the ten seconds never passed, for they began \
                     anew with each bid."
                ),
            ),
            12 => wrong(
                "looking-at-the-clock-is-a-timer",
                format!(
                    "{told}, when a bid came: at 10.0 s it should have closed, and nothing woke it."
                ),
            ),
            4 => wrong(
                "timers-belong-before-the-loop",
                format!(
                    "{told}, though a bid had come after 3.0 s. Four seconds without a bid would \
                     have passed at 7.0 s at the earliest."
                ),
            ),
            0 => wrong(
                "an-interval-waits-first",
                format!("{told}, before anybody could bid."),
            ),
            10 if highest.is_none() => wrong(
                "a-timeout-gives-what-there-is",
                format!("{told}. Bids of 50, 90 and 70 had come by then, and the highest is None."),
            ),
            _ => {}
        }
        same("the time it was open", seconds(time), "10.0 s");
        same("the highest of 50, 90 and 70", highest, Some(90));
    });
}

#[test]
fn four_seconds_after_the_last_bid_it_is_closed() {
    check(async {
        let (highest, time) = took(auction(bidders(&[(1, 30), (3, 20)]))).await;
        if time.as_secs() == 4 {
            wrong(
                "timers-belong-before-the-loop",
                "The last bid came after 3.0 s. It closed after 4.0 s, one second later.",
            );
        }
        same(
            "the time it was open, with a last bid after 3 s",
            seconds(time),
            "7.0 s",
        );
        same("the highest of 30 and 20", highest, Some(30));
    });
}

#[test]
fn without_a_bid_it_is_closed_after_four_seconds() {
    check(async {
        let (highest, time) = took(auction(bidders(&[]))).await;
        same("the time it was open", seconds(time), "4.0 s");
        same("the highest of no bids", highest, None);
    });
}

#[test]
fn it_is_closed_when_nobody_can_bid_any_more() {
    check(async {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            for bid in [5, 7, 6] {
                sleep(Duration::from_secs(1)).await;
                // Who does not listen any more is found out below.
                let _ = sender.send(bid).await;
            }
        });
        let (highest, time) = took(auction(receiver)).await;
        same(
            "the time it was open, with the last bidder gone after 3 s",
            seconds(time),
            "3.0 s",
        );
        same("the highest of 5, 7 and 6", highest, Some(7));
    });
}
