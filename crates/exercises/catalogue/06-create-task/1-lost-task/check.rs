use exercises::{Log, check, same, seconds, took, wrong};
use tokio::time::{Duration, sleep};

use super::exercise::{Letter, send_all};

fn letter(to: &'static str, seconds: u64) -> Letter {
    Letter { to, seconds }
}

#[test]
fn when_it_returns_each_letter_has_been_sent() {
    check(async {
        let log = Log::new();
        let letters = vec![letter("ada@home", 3), letter("ben@home", 2)];
        let (result, time) = took(send_all(letters, &log)).await;
        let mut lines = log.lines();
        if lines.is_empty() {
            wrong(
                "runtime-waits-for-tasks",
                format!(
                    "`send_all` returned after {} with {result:?}, and no letter had arrived. If \
                     the program ends now, all of them are lost.",
                    seconds(time)
                ),
            );
        }
        if time == Duration::from_secs(5) && lines == ["ada@home has it", "ben@home has it"] {
            // Who waits for five seconds with tasks under way has the quicker letter first.
            wrong(
                "spawn-then-await-overlaps",
                "Letters of 3 and 2 seconds took 5.0 s: the second began when the first had \
                 arrived.",
            );
        }
        lines.sort();
        same("the log", lines, ["ada@home has it", "ben@home has it"]);
        same(
            "the time of letters of 3 and 2 seconds",
            seconds(time),
            "3.0 s",
        );
        same("the result", result, Ok(2));
    });
}

#[test]
fn an_error_comes_back_and_stops_no_letter() {
    check(async {
        let log = Log::new();
        let letters = vec![
            letter("nowhere", 1),
            letter("cy@home", 3),
            letter("dee@home", 2),
        ];
        let (result, time) = took(send_all(letters, &log)).await;
        let lines = log.lines();
        if let Ok(count) = result {
            if time == Duration::from_secs(3) {
                wrong(
                    "one-layer-of-errors",
                    format!(
                        "`send_all` waited 3.0 s for its three tasks and gave Ok({count}), though \
                         one of them had failed: `nowhere` is no address."
                    ),
                );
            }
            wrong(
                "errors-surface-by-themselves",
                format!(
                    "`send_all` gave Ok({count}) after {}. `nowhere` is no address, and nobody has \
                     heard of it.",
                    seconds(time)
                ),
            );
        }
        sleep(Duration::from_secs(60)).await;
        let missing = 2 - lines.len().min(2);
        if missing > 0 && log.lines().len() > lines.len() {
            wrong(
                "runtime-waits-for-tasks",
                format!(
                    "`send_all` returned its error after {}, and of the two other letters {missing} \
                     were still under way. If the program ends now, they are lost.",
                    seconds(time)
                ),
            );
        }
        if missing > 0 {
            wrong(
                "gather-lets-others-run",
                format!(
                    "One address was wrong. Of the two other letters {missing} were dropped under \
                     way, and never arrived."
                ),
            );
        }
        same(
            "the result",
            result,
            Err("nowhere: no such address".to_owned()),
        );
        same(
            "the time of letters of 1, 3 and 2 seconds",
            seconds(time),
            "3.0 s",
        );
    });
}

#[test]
fn of_two_errors_one_comes_back() {
    check(async {
        let letters = vec![letter("here", 2), letter("eve@home", 1), letter("there", 1)];
        let result = send_all(letters, &Log::new()).await;
        let errors = ["here: no such address", "there: no such address"];
        let is_one = matches!(&result, Err(error) if errors.contains(&error.as_str()));
        assert!(
            is_one,
            "the result for two wrong addresses: it is {result:?} and should be the error of one \
             of them."
        );
    });
}

#[test]
fn no_letters_are_sent_at_once() {
    check(async {
        let (result, time) = took(send_all(Vec::new(), &Log::new())).await;
        same("the result", result, Ok(0));
        same("the time", seconds(time), "0.0 s");
    });
}
