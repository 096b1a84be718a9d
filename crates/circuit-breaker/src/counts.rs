//! What counts as a failure, how many open a breaker, and whose they are.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use circuit_breaker::{Breaker, Error};
use tokio::time::sleep;

use crate::POLICY;
use crate::service::Failure;

/// What counts, and how much. A letter is a call: `.` is answered, `t` times out, `b` is a bad
/// request. At `w` eleven seconds pass.
const SEEN: [(&str, &str); 6] = [
    ("bad requests", "bbbbbb"),
    ("timeouts", "tttttt"),
    ("no more than three", "ttt"),
    ("three, and later one", "tttwt"),
    ("every third call", "..t..t..t..t"),
    ("every other call", ".t.t.t.t"),
];

pub(crate) async fn counts() {
    println!("calls                                reached  refused  the breaker is");
    for (what, calls) in SEEN {
        let breaker = Breaker::new(POLICY);
        let (mut reached, mut refused) = (0, 0);
        for call in calls.chars() {
            let result = match call {
                't' => Err(Failure::TimedOut),
                'b' => Err(Failure::BadRequest),
                'w' => {
                    sleep(Duration::from_secs(11)).await;
                    continue;
                }
                _ => Ok(100),
            };
            let is_failure = Failure::speaks_against_the_service;
            match breaker.call(async { result }, is_failure).await {
                Err(Error::Refused) => refused += 1,
                _ => reached += 1,
            }
        }
        let state = breaker.state();
        println!("{what:22} {calls:13} {reached:8} {refused:8}  {state}");
    }
}

/// Two services, of which one is down. Twelve calls go to each, in turn.
pub(crate) async fn hosts() {
    for each_its_own in [false, true] {
        let names = ["prices", "news"];
        // Made when the program starts, for what it knows it will call: the map never changes, and
        // needs no lock.
        let one = Arc::new(Breaker::new(POLICY));
        let breakers = HashMap::from(names.map(|name| {
            if each_its_own {
                (name, Arc::new(Breaker::new(POLICY)))
            } else {
                (name, Arc::clone(&one))
            }
        }));
        let mut reached = HashMap::from(names.map(|name| (name, 0)));
        for _ in 0..12 {
            for name in names {
                let result = match name {
                    "prices" => Err(Failure::Unavailable),
                    _ => Ok(100),
                };
                let is_failure = Failure::speaks_against_the_service;
                let answer = breakers[name].call(async { result }, is_failure).await;
                if answer != Err(Error::Refused) {
                    *reached.entry(name).or_default() += 1;
                }
            }
        }
        let which = if each_its_own { "each" } else { "both" };
        println!(
            "one breaker for {which}: prices, which is down, was called {} times, news {} times",
            reached["prices"], reached["news"]
        );
    }
}
