use std::cell::RefCell;
use std::time::Duration;

use exercises::{check, same, seconds, wrong};
use tokio::time::{Instant, advance, sleep};

use super::exercise::test;

const TENTH: Duration = Duration::from_millis(100);
const QUICK: Duration = Duration::from_millis(10);

/// A service that answers after 10 ms, but from second 3 to second 5 only when that is over. The
/// waits that were reported, and when each request was sent.
async fn tested(requests: u32, every: Duration) -> (Vec<Duration>, Vec<Duration>) {
    let start = Instant::now();
    let sent = RefCell::new(vec![Duration::MAX; requests as usize]);
    let ask = async |number: u32| {
        let now = start.elapsed();
        if let Some(sent) = sent.borrow_mut().get_mut(number as usize) {
            *sent = now;
        }
        if (3..5).contains(&now.as_secs()) {
            sleep(Duration::from_secs(5) - now).await;
        }
        sleep(QUICK).await;
    };
    let waits = test(ask, requests, every).await;
    (waits, sent.into_inner())
}

/// What the users of that service wait for.
fn users(requests: u32, every: Duration) -> Vec<Duration> {
    let wait = |number| {
        let due = every * number;
        if (3..5).contains(&due.as_secs()) {
            Duration::from_secs(5) - due + QUICK
        } else {
            QUICK
        }
    };
    (0..requests).map(wait).collect()
}

#[test]
fn the_test_finds_what_users_find() {
    check(async {
        for every in [TENTH, TENTH / 2] {
            let (waits, sent) = tested(100, every).await;
            let wanted = users(100, every);
            same("how many waits there are", waits.len(), 100);
            let slow = |waits: &[Duration]| {
                let slow = waits.iter().filter(|wait| **wait > 10 * QUICK);
                slow.count()
            };
            let late = (0..)
                .zip(&sent)
                .find(|(number, sent)| **sent > every * *number);
            if let Some((number, sent)) = late {
                let due = seconds(every * number);
                let sent = seconds(*sent);
                if slow(&waits) >= slow(&wanted) {
                    wrong(
                        "a-correction-is-a-load",
                        format!(
                            "The waits count from when each request was due. But while the service \
                             stood still, hardly anything was sent: request {number} was due after \
                             {due}, and was sent after {sent}."
                        ),
                    );
                }
                wrong(
                    "the-tester-may-wait",
                    format!(
                        "For two seconds the service stood still. {} users had to wait for more than \
                         0.1 s, and the test says {}: request {number} was due after {due}, and was \
                         sent after {sent}, when others had their answers.",
                        slow(&wanted),
                        slow(&waits)
                    ),
                );
            }
            same(
                "the waits, in the order of the requests",
                waits == wanted,
                true,
            );
        }
    });
}

#[test]
fn a_test_that_was_held_up_counts_that_too() {
    check(async {
        let ask = async |number| {
            if number == 2 {
                // Keeps the thread for a second: nobody else can run, but the clock does.
                advance(Duration::from_secs(1)).await;
            }
            sleep(QUICK).await;
        };
        let waits = test(ask, 20, TENTH).await;
        same("how many waits there are", waits.len(), 20);
        // Request 3 was due 0.1 s after request 2, and could begin 0.9 s later.
        let third = waits[3];
        if third < Duration::from_millis(100) {
            wrong(
                "begun-is-due",
                format!(
                    "The thread was held up for a second when request 2 was sent. Request 3 was due \
                     0.1 s later and could not be sent before that was over. The test says that it \
                     waited for {}.",
                    seconds(third)
                ),
            );
        }
        same("how long request 3 waited", seconds(third), "0.9 s");
    });
}

#[test]
fn none_and_one_are_tested() {
    check(async {
        same("the waits of no requests", tested(0, TENTH).await.0, []);
        same(
            "the waits of one request",
            tested(1, TENTH).await.0,
            [QUICK],
        );
    });
}
