use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use exercises::{check, same, seconds, took, wrong};
use futures::FutureExt as _;
use futures::future::join_all;
use tokio::time::{sleep, timeout};

use super::exercise::{Handler, LIMIT, Log, stack};

const PATIENCE: Duration = Duration::from_secs(300);

/// A handler inside of the layers. Path "300" takes 300 milliseconds, "panic" panics after 100, and
/// "panic at once" before there is a future.
struct Server {
    app: Handler,
    log: Log,
    most: Arc<AtomicUsize>,
}

/// Counts the handlers that run, however they end.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn server() -> Server {
    let log = Log::default();
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let most_of_all = Arc::clone(&most);
    let handler: Handler = Arc::new(move |path| {
        assert!(path != "panic at once", "a bug, as the check wants it");
        let (now, most) = (Arc::clone(&now), Arc::clone(&most_of_all));
        async move {
            let running = now.fetch_add(1, Relaxed) + 1;
            let _running = Running(now);
            most.fetch_max(running, Relaxed);
            let Ok(milliseconds) = path.parse() else {
                sleep(Duration::from_millis(100)).await;
                panic!("a bug, as the check wants it");
            };
            sleep(Duration::from_millis(milliseconds)).await;
            200
        }
        .boxed()
    });
    let app = stack(handler, Arc::clone(&log));
    Server { app, log, most }
}

impl Server {
    /// The answer, in words if it is none, and how long it took.
    async fn ask(&self, path: &str) -> (String, Duration) {
        let app = Arc::clone(&self.app);
        let path = path.to_owned();
        let call = tokio::spawn(async move { app(path).await });
        let (answer, time) = took(timeout(PATIENCE, call)).await;
        let answer = match answer {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(_)) => "a panic".to_owned(),
            Err(_) => "nothing for five minutes".to_owned(),
        };
        (answer, time)
    }

    fn logged(&self) -> Vec<String> {
        let log = self.log.lock();
        let log = log.unwrap_or_else(PoisonError::into_inner);
        log.iter().map(u16::to_string).collect()
    }
}

/// The answers of a good handler, one that panics and one that takes too long, and the log of them.
async fn answers_and_log() -> (String, String) {
    let server = server();
    let mut answers = Vec::new();
    for path in ["100", "panic", "5000"] {
        answers.push(server.ask(path).await.0);
    }
    (answers.join(", "), server.logged().join(", "))
}

#[test]
fn one_request_at_a_time() {
    check(async {
        for (path, answer, time) in [
            ("300", "200", "0.3 s"),
            ("5000", "503", "1.0 s"),
            ("panic", "500", "0.1 s"),
            ("panic at once", "500", "0.0 s"),
        ] {
            let what = match path {
                "300" => "takes 0.3 s",
                "5000" => "takes 5 s",
                _ => "panics",
            };
            let (seen, took) = server().ask(path).await;
            same(format!("the answer of a handler that {what}"), seen, answer);
            same(
                format!("the time of a handler that {what}"),
                seconds(took),
                time,
            );
        }
    });
}

#[test]
fn the_wait_for_a_place_counts() {
    check(async {
        let server = server();
        // The third and the fourth have their place after 0.8 s, and would be done after 1.6 s.
        let answers = join_all(["800"; 4].map(|path| server.ask(path))).await;
        let late = answers.iter().filter(|(_, time)| *time > LIMIT).count();
        let (single, logged) = answers_and_log().await;
        if late > 0 && logged == single {
            wrong(
                "the-queue-does-not-count",
                format!(
                    "Four requests of 0.8 s came together, and two may run. {late} of them were \
                     answered after {}, and LIMIT is {}: their time began when they had a place.",
                    seconds(answers[3].1),
                    seconds(LIMIT)
                ),
            );
        }
        let seen: Vec<String> = answers
            .iter()
            .map(|(answer, time)| format!("{answer} after {}", seconds(*time)))
            .collect();
        let (done, late) = ("200 after 0.8 s", "503 after 1.0 s");
        same(
            "the answers to four of 0.8 s, two at a time",
            seen,
            [done, done, late, late],
        );
    });
}

#[test]
fn each_answer_is_in_the_log() {
    check(async {
        let (answers, logged) = answers_and_log().await;
        if logged == answers {
            return;
        }
        let server = server();
        let queued = join_all(["800"; 4].map(|path| server.ask(path))).await;
        if queued.iter().any(|(_, time)| *time > LIMIT) {
            wrong(
                "the-first-line-is-outermost",
                format!(
                    "Clients got {answers}, and the log has {logged}; and of four \
                     requests that came together, some were answered after LIMIT. The first line \
                     of `stack` is the innermost layer, and the last one the outermost."
                ),
            );
        }
        wrong(
            "each-layer-sees-each-answer",
            format!(
                "Clients got {answers}, and the log has {logged}: the other answers were \
                 made outside of it."
            ),
        );
    });
}

#[test]
fn a_place_is_free_when_its_handler_has_ended() {
    check(async {
        for path in ["60000", "panic", "panic at once"] {
            let server = server();
            join_all([path; 2].map(|path| server.ask(path))).await;
            let (answer, _) = server.ask("100").await;
            if answer == "200" {
                continue;
            }
            sleep(Duration::from_secs(120)).await;
            if server.ask("100").await.0 == "200" {
                wrong(
                    "a-task-cleans-up",
                    "Two handlers of 60 s were answered with 503 after 1.0 s. A third request found \
                     no place until their 60 s were over: they went on, and kept their places.",
                );
            }
            let what = match path {
                "60000" => "took longer than LIMIT",
                _ => "panicked",
            };
            wrong(
                "the-next-line-runs",
                format!(
                    "Two handlers {what}. After that nobody gets a place any more, not even two \
                     minutes later: the line that gives it back did not run."
                ),
            );
        }
    });
}

#[test]
fn no_more_than_two_run() {
    check(async {
        let server = server();
        let answers = join_all(["400"; 5].map(|path| server.ask(path))).await;
        let most = server.most.load(Relaxed);
        same("how many handlers ran at the same time", most, 2);
        let ok = answers.iter().filter(|it| it.0 == "200").count();
        assert!(
            ok >= 4,
            "Five requests of 0.4 s, two at a time: {ok} of them were answered with 200."
        );
        // Those that have timed out have no place, and do not run.
        join_all(["5000"; 4].map(|path| server.ask(path))).await;
        join_all(["300"; 4].map(|path| server.ask(path))).await;
        let most = server.most.load(Relaxed);
        same("how many ran, after some had taken too long", most, 2);
    });
}
