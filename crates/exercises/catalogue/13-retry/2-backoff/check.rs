use std::cell::RefCell;
use std::future::pending;
use std::time::Duration;

use exercises::{Hang, check, if_it_hangs, same, seconds, took, wrong};
use tokio::time::{Instant, sleep};

use super::exercise::{Failure, Policy, retry};

const SECOND: Duration = Duration::from_secs(1);

fn policy(total: u64) -> Policy {
    Policy {
        attempts: 4,
        delay: Duration::from_millis(500),
        total: Duration::from_secs(total),
    }
}

/// What one run did.
struct Run {
    /// When the operation was called, in seconds from the beginning.
    calls: Vec<f64>,
    result: Result<&'static str, Failure>,
    time: Duration,
}

impl Run {
    fn calls(&self) -> Vec<String> {
        self.calls.iter().map(|call| format!("{call:.2}")).collect()
    }
}

/// Each call takes `slow` and then does what `script` says, at its end the last step for ever.
async fn run(
    policy: &Policy,
    slow: Duration,
    script: &[Result<&'static str, Failure>],
    random: f64,
) -> Run {
    let start = Instant::now();
    let calls = RefCell::new(Vec::new());
    let operation = async || {
        let number = calls.borrow().len();
        calls.borrow_mut().push(start.elapsed().as_secs_f64());
        sleep(slow).await;
        script[number.min(script.len() - 1)]
    };
    let (result, time) = took(retry(policy, operation, || random)).await;
    Run {
        calls: calls.into_inner(),
        result,
        time,
    }
}

const REFUSED: Result<&str, Failure> = Err(Failure::Refused);

fn busy(seconds: u64) -> Result<&'static str, Failure> {
    let retry_after = Duration::from_secs(seconds);
    Err(Failure::Busy { retry_after })
}

#[test]
fn waits_double_and_jitter_is_added() {
    check(async {
        let calm = run(&policy(60), Duration::ZERO, &[REFUSED], 0.0).await;
        same(
            "the moments of the calls, with a `random` of 0",
            calm.calls(),
            ["0.00", "0.50", "1.50", "3.50"],
        );
        same("the result", calm.result, REFUSED);
        same("the time", seconds(calm.time), "3.5 s");
        let spread = run(&policy(60), Duration::ZERO, &[REFUSED], 0.5).await;
        same(
            "the moments of the calls, with a `random` of 0.5",
            spread.calls(),
            ["0.00", "0.75", "2.25", "5.25"],
        );
        let two = Policy {
            attempts: 2,
            delay: 3 * SECOND,
            total: 60 * SECOND,
        };
        let two = run(&two, SECOND, &[REFUSED], 0.0).await;
        same(
            "the moments of 2 attempts of 1 s, with a delay of 3 s",
            two.calls(),
            ["0.00", "4.00"],
        );
    });
}

#[test]
fn it_ends_with_the_first_success() {
    check(async {
        let script = [REFUSED, busy(2), Ok("hello")];
        let run = run(&policy(60), Duration::ZERO, &script, 0.0).await;
        same("the result", run.result, Ok("hello"));
        same("the moments", run.calls(), ["0.00", "0.50", "3.50"]);
    });
}

#[test]
fn a_bad_request_is_not_tried_again() {
    check(async {
        let script = [REFUSED, Err(Failure::BadRequest)];
        let run = run(&policy(60), Duration::ZERO, &script, 0.0).await;
        if run.calls.len() > 2 {
            wrong(
                "every-failure-may-pass",
                format!(
                    "The second of {} calls was answered 400, a bad request, and it was sent again.",
                    run.calls.len()
                ),
            );
        }
        same("the result", run.result, Err(Failure::BadRequest));
    });
}

#[test]
fn no_wait_goes_beyond_the_deadline() {
    check(async {
        for (script, due, name) in [
            (REFUSED, "1.5 s", "waits of 0.5, 1 and 2 s"),
            (busy(3600), "0.0 s", "a `retry_after` of an hour"),
        ] {
            let run = run(&policy(3), Duration::ZERO, &[script], 0.0).await;
            if run.time >= 3 * SECOND {
                wrong(
                    "wait-into-the-deadline",
                    format!(
                        "A total of 3 s and {name}: the last call failed at {due}, and `retry` \
                         returned at {}, after a wait that led to no call.",
                        seconds(run.time)
                    ),
                );
            }
            same("the time", seconds(run.time), due);
            same("the result", run.result, script);
        }
    });
}

#[test]
fn slow_attempts_count_too() {
    check(async {
        let run = run(&policy(4), SECOND, &[REFUSED], 0.0).await;
        if run.time > 4 * SECOND && run.calls.len() == 3 {
            wrong(
                "wait-into-the-deadline",
                format!(
                    "The total is 4 s, and each attempt takes 1 s. The third call was the last, and \
                     `retry` returned after {}.",
                    seconds(run.time)
                ),
            );
        }
        if run.time > 4 * SECOND {
            wrong(
                "the-waits-are-the-whole",
                format!(
                    "The total is 4 s, and each attempt takes 1 s. `retry` returned after {}.",
                    seconds(run.time)
                ),
            );
        }
        same(
            "the moments of the calls",
            run.calls(),
            ["0.00", "1.50", "3.50"],
        );
        same("the result", run.result, Err(Failure::TimedOut));
        same("the time", seconds(run.time), "4.0 s");
    });
}

#[test]
fn an_attempt_that_hangs_is_ended() {
    check(async {
        if_it_hangs(
            Hang::Pending,
            "the-waits-are-the-whole",
            "The total is 4 s, and an attempt is still waited for that never answers.",
        );
        let never = async || pending::<Result<(), Failure>>().await;
        let (result, time) = took(retry(&policy(4), never, || 0.0)).await;
        same("the result", result, Err(Failure::TimedOut));
        same("the time", seconds(time), "4.0 s");
    });
}

#[test]
fn whoever_is_told_to_come_again_counts_his_attempts() {
    check(async {
        let run = run(&policy(3600), Duration::ZERO, &[busy(1)], 0.0).await;
        if run.calls.len() > 4 {
            wrong(
                "told-to-come-has-no-limit",
                format!(
                    "A service that answers each call with `Retry-After: 1` was called {} times in \
                     an hour. `attempts` is 4.",
                    run.calls.len()
                ),
            );
        }
        same("the calls", run.calls.len(), 4);
        same("the result", run.result, busy(1));
    });
}

#[test]
fn clients_that_were_told_the_same_do_not_come_together() {
    check(async {
        let mut moments = Vec::new();
        for client in 0..5_u32 {
            let random = f64::from(client) / 5.0;
            let script = [busy(5), Ok("hello")];
            let run = run(&policy(60), Duration::ZERO, &script, random).await;
            same("the result", run.result, Ok("hello"));
            moments.push(run.calls[1]);
        }
        assert!(
            moments.iter().all(|moment| *moment >= 5.0),
            "The service said `Retry-After: 5`, and clients came at {moments:.1?} seconds."
        );
        if moments.iter().all(|moment| *moment == moments[0]) {
            wrong(
                "come-exactly-then",
                format!(
                    "Five clients with five different random numbers were told `Retry-After: 5`. \
                     All of them came at {:.1} s.",
                    moments[0]
                ),
            );
        }
        let moments: Vec<String> = moments.iter().map(|one| format!("{one:.1}")).collect();
        same(
            "the moments of five clients",
            moments,
            ["5.5", "5.6", "5.7", "5.8", "5.9"],
        );
    });
}
