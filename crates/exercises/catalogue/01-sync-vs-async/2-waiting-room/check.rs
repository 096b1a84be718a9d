use std::time::{Duration, Instant};

use exercises::{Log, check, same, took, wrong};

use super::exercise::{treat, treat_all};

#[test]
fn three_treatments_take_as_long_as_one() {
    check(async {
        let log = Log::new();
        let started = Instant::now();
        let ((), time) = took(treat_all(&log)).await;
        let lines = log.lines();
        // Blocking moves the machine's clock and not the paused one.
        let blocked = started.elapsed() >= Duration::from_millis(900);
        if blocked && lines[..3] == ["Ada begins", "Ben begins", "Cy begins"] {
            wrong(
                "yield-is-a-wait",
                "All three begin, and then each holds the thread for its 300 ms: 900 ms in all.",
            );
        }
        if blocked {
            wrong(
                "async-makes-it-concurrent",
                "The treatments took 900 ms, one after the other: the thread stood still in each.",
            );
        }
        if time.is_zero() {
            wrong(
                "sleep-needs-no-await",
                "The treatments took no time: nobody waited for the sleep.",
            );
        }
        same(
            "the time of three treatments",
            time,
            Duration::from_millis(300),
        );
        same(
            "the first three lines of the log",
            &lines[..3],
            ["Ada begins", "Ben begins", "Cy begins"],
        );
    });
}

#[test]
fn one_treatment_says_when_it_begins_and_ends() {
    check(async {
        let log = Log::new();
        treat("Dee", &log).await;
        same("the log", log.lines(), ["Dee begins", "Dee is done"]);
    });
}
