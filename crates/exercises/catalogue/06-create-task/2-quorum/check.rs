use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use exercises::{Log, check, same, seconds, took, wrong};
use futures::FutureExt as _;
use tokio::time::{sleep, timeout};

use super::exercise::quorum;

#[derive(Clone, Copy)]
enum Answer {
    Gives(u32),
    Fails,
    Panics,
}

use Answer::{Fails, Gives, Panics};

/// Speaks when its replica has ended, however it has.
struct Ended(u64, Log);

impl Drop for Ended {
    fn drop(&mut self) {
        self.1.add(format!("replica {} has ended", self.0));
    }
}

/// A replica that takes so many seconds.
async fn replica(seconds: u64, answer: Answer, log: Log) -> Result<u32, String> {
    let _ended = Ended(seconds, log.clone());
    sleep(Duration::from_secs(seconds)).await;
    log.add(format!("replica {seconds} goes on"));
    match answer {
        Gives(value) => Ok(value),
        Fails => Err("the disk is gone".to_owned()),
        // A panic whose text is not printed.
        Panics => resume_unwind(Box::new("the replica panicked")),
    }
}

async fn ask(replicas: &[(u64, Answer)], wanted: usize, log: &Log) -> Option<Vec<u32>> {
    let replicas = replicas
        .iter()
        .map(|&(seconds, answer)| replica(seconds, answer, log.clone()));
    quorum(replicas.collect(), wanted).await
}

#[test]
fn the_first_answers_come_in_the_order_in_which_they_come() {
    check(async {
        let replicas = [(3, Gives(30)), (1, Gives(10)), (2, Gives(20))];
        let (answers, time) = took(ask(&replicas, 2, &Log::new())).await;
        if answers.as_deref() == Some(&[30, 10]) {
            wrong(
                "handles-come-as-they-end",
                format!(
                    "Replicas of 3, 1 and 2 seconds were asked for two answers. After {} there \
                     were those of 3 and 1: the slowest kept the others waiting.",
                    seconds(time)
                ),
            );
        }
        same(
            "two answers of replicas of 3, 1 and 2 seconds",
            answers,
            Some(vec![10, 20]),
        );
        same("the time", seconds(time), "2.0 s");
        let (answers, time) = took(ask(&replicas, 3, &Log::new())).await;
        same("three answers of them", answers, Some(vec![10, 20, 30]));
        same("the time of three answers", seconds(time), "3.0 s");
    });
}

#[test]
fn when_it_returns_every_task_has_ended() {
    check(async {
        let log = Log::new();
        let replicas = [(5, Gives(50)), (1, Gives(10))];
        let answers = ask(&replicas, 1, &log).await;
        let ended_before = log.lines().contains(&"replica 5 has ended".to_owned());
        sleep(Duration::from_secs(60)).await;
        let went_on = log.lines().contains(&"replica 5 goes on".to_owned());
        if !ended_before && went_on {
            wrong(
                "dropped-handle-cancels",
                "`quorum` had its answer after 1 s and returned. At 5 s the other replica was \
                 still at work: nobody had stopped it.",
            );
        }
        if !ended_before {
            wrong(
                "abort-is-at-once",
                "When `quorum` returned, the task of the slow replica was told to stop and had not \
                 ended: what it holds was dropped later.",
            );
        }
        same(
            "whether the slow replica went on to its end",
            went_on,
            false,
        );
        same("the answers", answers, Some(vec![10]));
    });
}

#[test]
fn a_replica_that_fails_or_panics_disturbs_nobody() {
    check(async {
        let log = Log::new();
        let answers = ask(&[(1, Fails), (2, Gives(6))], 1, &log).await;
        same("one answer where one replica fails", answers, Some(vec![6]));
        let replicas = [(1, Fails), (2, Panics), (3, Gives(7)), (4, Gives(8))];
        let asked = AssertUnwindSafe(took(ask(&replicas, 2, &log)));
        let Ok((answers, time)) = asked.catch_unwind().await else {
            wrong(
                "panic-ends-the-program",
                "One of four replicas panicked, and `quorum` panicked with it. Two others would \
                 have answered.",
            );
        };
        same("two answers of four replicas", answers, Some(vec![7, 8]));
        same("the time", seconds(time), "4.0 s");
        let answers = ask(&replicas, 3, &log).await;
        same("three answers where there are two", answers, None);
    });
}

#[test]
fn who_drops_quorum_stops_the_replicas() {
    check(async {
        let log = Log::new();
        let replicas = [(2, Gives(20)), (3, Gives(30))];
        let asked = timeout(Duration::from_secs(1), ask(&replicas, 2, &log)).await;
        same("whether it was done after 1 s", asked.is_ok(), false);
        sleep(Duration::from_secs(60)).await;
        let lines = log.lines();
        if lines.contains(&"replica 2 goes on".to_owned()) {
            wrong(
                "spawned-tasks-end-with-their-parent",
                "`quorum` was dropped after 1 s, and a replica of 2 seconds went on to its end.",
            );
        }
    });
}

#[test]
fn nothing_wanted_is_there_and_nobody_has_no_answer() {
    check(async {
        let log = Log::new();
        let answers = ask(&[(9, Gives(90))], 0, &log).await;
        same("no answers of one replica", answers, Some(Vec::new()));
        same("one answer of no replicas", ask(&[], 1, &log).await, None);
    });
}
