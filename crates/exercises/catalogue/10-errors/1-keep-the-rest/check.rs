use exercises::{check, same, seconds, took, wrong};

use super::exercise::{Station, ask_all};

fn station(name: &'static str, seconds: u64, answer: Result<i32, &'static str>) -> Station {
    Station {
        name,
        seconds,
        answer,
    }
}

fn five() -> [Station; 5] {
    [
        station("harbour", 5, Ok(14)),
        station("airport", 2, Err("connection reset")),
        station("castle", 3, Ok(11)),
        station("bridge", 1, Err("no such sensor")),
        station("market", 4, Ok(13)),
    ]
}

#[test]
fn two_failures_leave_three_readings() {
    check(async {
        let (report, time) = took(ask_all(&five())).await;
        let (readings, failures) = (&report.readings, &report.failures);
        if failures.len() == 1 && readings.is_empty() {
            wrong(
                "an-error-brings-the-rest",
                format!(
                    "Three of five stations have a temperature to tell. After {} the report has \
                     one failure, {:?}, and no reading.",
                    seconds(time),
                    failures[0]
                ),
            );
        }
        if failures.is_empty() && readings.len() >= 3 {
            let names = readings.iter().map(|(name, _)| *name);
            let strangers: Vec<_> = names
                .filter(|name| ["airport", "bridge"].contains(name))
                .collect();
            let strangers = if strangers.is_empty() {
                String::new()
            } else {
                format!(" And {} is said to have a reading.", strangers.join(", "))
            };
            wrong(
                "flatten-unpacks",
                format!(
                    "Two of five stations failed, and the report tells of no failure.{strangers}"
                ),
            );
        }
        if failures.len() == 1 && readings.len() < 3 {
            wrong(
                "first-error-ends-it",
                format!(
                    "Five stations were asked. The report has {} of 3 readings and 1 of 2 failures: \
                     what comes after {:?} is missing.",
                    readings.len(),
                    failures[0].0
                ),
            );
        }
        let mut names: Vec<_> = readings.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        same(
            "who has a reading, sorted",
            names,
            ["castle", "harbour", "market"],
        );
        let mut names: Vec<_> = failures.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        same("who has failed, sorted", names, ["airport", "bridge"]);
    });
}

#[test]
fn both_lists_are_in_the_order_of_the_stations() {
    check(async {
        let report = ask_all(&five()).await;
        let by_time = [("castle", 11), ("market", 13), ("harbour", 14)];
        if report.readings == by_time {
            wrong(
                "results-as-they-finish",
                "The stations are harbour, airport, castle, bridge, market. The readings came as \
                 castle, market, harbour: as they finished.",
            );
        }
        same(
            "the readings",
            report.readings,
            [("harbour", 14), ("castle", 11), ("market", 13)],
        );
        let failures: Vec<(&str, &str)> = report
            .failures
            .iter()
            .map(|(name, error)| (*name, error.as_str()))
            .collect();
        same(
            "the failures",
            failures,
            [
                ("airport", "connection reset"),
                ("bridge", "no such sensor"),
            ],
        );
    });
}

#[test]
fn all_are_asked_at_the_same_time() {
    check(async {
        let (report, time) = took(ask_all(&five())).await;
        let all = report.readings.len() + report.failures.len();
        if all == 5 {
            same(
                "the time of stations of 5, 2, 3, 1 and 4 seconds",
                seconds(time),
                "5.0 s",
            );
        }
        let (report, time) = took(ask_all(&[])).await;
        let all = report.readings.len() + report.failures.len();
        same("the report on no stations has entries", all, 0);
        same("the time", seconds(time), "0.0 s");
    });
}

#[test]
fn when_all_fail_each_failure_is_told() {
    check(async {
        let stations = [
            station("north", 2, Err("snowed in")),
            station("south", 1, Err("flooded")),
        ];
        let report = ask_all(&stations).await;
        same("the number of readings", report.readings.len(), 0);
        let failures: Vec<_> = report.failures.iter().map(|(name, _)| *name).collect();
        same("who has failed", failures, ["north", "south"]);
    });
}
