use std::time::Duration;

use exercises::{Log, check, same, took, wrong};
use futures::FutureExt as _;
use tokio::time::{Instant, advance, sleep, timeout};

use super::exercise::watched;

const LIMIT: Duration = Duration::from_millis(5);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Computes for so many milliseconds: the clock moves, and nobody else runs.
fn compute(milliseconds: u64) {
    let before = Instant::now();
    // Polled once, `advance` has moved the clock.
    let _ = advance(ms(milliseconds)).now_or_never();
    assert_eq!(before.elapsed(), ms(milliseconds), "the clock was moved");
}

/// The lines about one future.
async fn lines<F: Future>(future: F) -> Vec<String> {
    let log = Log::new();
    watched("order", LIMIT, &log, future).await;
    log.lines()
}

/// Whether waiting is counted. That has a check of its own, and shows in the others.
async fn counts_waiting() -> bool {
    !lines(sleep(ms(50))).await.is_empty()
}

#[test]
fn work_is_reported_and_waiting_is_not() {
    check(async {
        let work = lines(async { compute(20) }).await;
        let wait = lines(sleep(ms(50))).await;
        match (work.as_slice(), wait.as_slice()) {
            ([], [wait, ..]) => wrong(
                "blocks-only-itself",
                format!(
                    "A future that computed for 20 ms, with a limit of 5, was not reported. One that \
                     waited for 50 ms was: \"{wait}\"."
                ),
            ),
            ([_, ..], [wait, ..]) => wrong(
                "waiting-is-work",
                format!(
                    "A future slept for 50 ms, and its thread was free. The line says: \"{wait}\"."
                ),
            ),
            _ => {}
        }
        same(
            "the lines about a future that computed for 20 ms",
            work,
            ["order held its thread 20 ms"],
        );
    });
}

#[test]
fn each_poll_counts_by_itself() {
    check(async {
        let late = lines(async {
            sleep(ms(50)).await;
            compute(20);
            sleep(ms(50)).await;
            compute(3);
            sleep(ms(50)).await;
            compute(30);
        })
        .await;
        if late.is_empty() {
            wrong(
                "one-poll-is-all",
                "A future slept, and computed for 20 ms after that. Nothing was reported.",
            );
        }
        let often = lines(async {
            for _ in 0..10 {
                compute(2);
                tokio::task::yield_now().await;
            }
        })
        .await;
        if let [line, ..] = often.as_slice()
            && !counts_waiting().await
        {
            wrong(
                "polls-add-up",
                format!(
                    "A future computed ten times for 2 ms, with a limit of 5, and let the others run \
                     in between. The line says: \"{line}\"."
                ),
            );
        }
        same(
            "the number of lines about a future that computes ten times for 2 ms, in ten polls",
            often.len(),
            0,
        );
        same(
            "the lines about a future that sleeps, computes 20 ms, sleeps, computes 3, sleeps, and \
             computes 30",
            late,
            ["order held its thread 20 ms", "order held its thread 30 ms"],
        );
    });
}

#[test]
fn the_limit_itself_is_too_long() {
    check(async {
        let at = lines(async { compute(5) }).await;
        same("the lines about 5 ms", at, ["order held its thread 5 ms"]);
        let below = lines(async { compute(4) }).await;
        same("the number of lines about 4 ms", below.len(), 0);
    });
}

#[test]
fn what_another_future_computes_is_not_mine() {
    check(async {
        let log = Log::new();
        let order = watched("order", LIMIT, &log, async {
            sleep(ms(1)).await;
            compute(20);
        });
        let health = watched("health", LIMIT, &log, async {
            sleep(ms(1)).await;
            sleep(ms(1)).await;
        });
        tokio::join!(order, health);
        if log.lines().iter().any(|line| line.starts_with("health")) {
            wrong(
                "waiting-is-work",
                format!(
                    "`order` computed for 20 ms. `health`, beside it, only waited, and the lines are \
                     {:?}.",
                    log.lines()
                ),
            );
        }
        same("the lines", log.lines(), ["order held its thread 20 ms"]);
    });
}

#[test]
fn a_poll_is_reported_when_it_is_over() {
    check(async {
        let log = Log::new();
        let endless = watched("export", LIMIT, &log, async {
            compute(20);
            sleep(ms(10_000)).await;
        });
        let _ = timeout(ms(100), endless).await;
        if log.lines().is_empty() && !counts_waiting().await {
            wrong(
                "polls-add-up",
                "A future computed for 20 ms and then waited. 80 ms later it was given up, and \
                 nothing had been reported.",
            );
        }
        same("the lines", log.lines(), ["export held its thread 20 ms"]);
    });
}

#[test]
fn the_future_gives_what_it_gives() {
    check(async {
        let log = Log::new();
        let text = String::from("42 USD");
        let future = async {
            sleep(ms(50)).await;
            text.as_str()
        };
        let (output, time) = took(watched("order", LIMIT, &log, future)).await;
        same("the output", output, "42 USD");
        same("the time", time, ms(50));
        let failing = async { "no such order".parse::<u32>() };
        let failed = watched("order", LIMIT, &log, failing).await;
        same("the output is an error", failed.is_err(), true);
    });
}
