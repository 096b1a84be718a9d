use std::cell::RefCell;
use std::time::Duration;

use exercises::{check, same, seconds, took, wrong};
use tokio::time::{Instant, sleep};

use super::exercise::{Late, USUAL, page};

struct Asked {
    result: Result<Vec<String>, Late>,
    time: Duration,
    /// Which services were called, and until when each was told that somebody waits, from the start.
    calls: Vec<(&'static str, Duration)>,
}

/// A page, for a browser that waits for `patience`. What each call takes, in milliseconds.
async fn ask(patience: u64, calls_take: [u64; 3]) -> Asked {
    let start = Instant::now();
    let calls = RefCell::new(Vec::new());
    let call = async |name, until: Instant| {
        let number = calls.borrow().len();
        calls.borrow_mut().push((name, until - start));
        sleep(Duration::from_millis(
            calls_take.get(number).copied().unwrap_or(0),
        ))
        .await;
        format!("the {name}")
    };
    let deadline = start + Duration::from_millis(patience);
    let (result, time) = took(page(call, deadline)).await;
    Asked {
        result,
        time,
        calls: calls.into_inner(),
    }
}

fn whole() -> Result<Vec<String>, Late> {
    Ok(["the user", "the basket", "the prices"]
        .map(str::to_owned)
        .into())
}

#[test]
fn a_page_ends_at_its_deadline() {
    check(async {
        for (patience, calls_take) in [(4000, [1900; 3]), (3500, [1300, 1900, 1900])] {
            let asked = ask(patience, calls_take).await;
            let patience = Duration::from_millis(patience);
            if asked.time > patience {
                wrong(
                    "a-limit-for-each-step-limits-all",
                    format!(
                        "The browser waited for {}, and `page` went on until {}: no call took \
                         longer than its own limit, and together they did.",
                        seconds(patience),
                        seconds(asked.time)
                    ),
                );
            }
            same("the page", asked.result, Err(Late));
        }
    });
}

#[test]
fn each_service_is_told_when_the_browser_gives_up() {
    check(async {
        for patience in [4000, 10_000] {
            let asked = ask(patience, [1000; 3]).await;
            let patience = Duration::from_millis(patience);
            same("the page", asked.result, whole());
            for (name, until) in asked.calls {
                if until != patience {
                    wrong(
                        "each-step-has-its-own-deadline",
                        format!(
                            "The browser gives up {} after the start. The service {name:?} was told \
                             that its answer is waited for until {}.",
                            seconds(patience),
                            seconds(until)
                        ),
                    );
                }
            }
        }
    });
}

#[test]
fn one_slow_call_may_use_what_the_others_do_not() {
    check(async {
        for calls_take in [[1900, 1000, 1000], [1000, 1000, 1900], [900, 2100, 900]] {
            let asked = ask(4000, calls_take).await;
            if asked.result == Err(Late) && asked.time < Duration::from_millis(1900) {
                let calls_take = calls_take.map(|time| seconds(Duration::from_millis(time)));
                wrong(
                    "time-is-dealt-out",
                    format!(
                        "The browser waits for 4.0 s, and the calls take {}. There was time for all \
                         three, and `page` gave up after {}.",
                        calls_take.join(", "),
                        seconds(asked.time)
                    ),
                );
            }
            same("the page", asked.result, whole());
        }
    });
}

#[test]
fn what_cannot_be_done_in_time_is_not_begun() {
    check(async {
        for (patience, calls_take, begun) in [
            (3500, [1900, 1000, 1000], 2),
            (2900, [1000, 1000, 1000], 2),
            (500, [1000; 3], 0),
            (0, [1000; 3], 0),
        ] {
            let asked = ask(patience, calls_take).await;
            same("the page", asked.result, Err(Late));
            let patience = Duration::from_millis(patience);
            if asked.calls.len() > begun {
                wrong(
                    "late-is-after-the-deadline",
                    format!(
                        "The browser waited for {}. Call {} was begun, when less than the {} were \
                         left that a call takes as a rule.",
                        seconds(patience),
                        asked.calls.len(),
                        seconds(USUAL)
                    ),
                );
            }
            same("the number of calls", asked.calls.len(), begun);
            let until: u64 = calls_take[..begun].iter().sum();
            same(
                "when the page said that it is late",
                seconds(asked.time),
                seconds(Duration::from_millis(until)).as_str(),
            );
        }
    });
}

#[test]
fn what_can_be_done_just_in_time_is_done() {
    check(async {
        same("the page", ask(3001, [1000; 3]).await.result, whole());
        same("a quick page", ask(1500, [100; 3]).await.result, whole());
    });
}
