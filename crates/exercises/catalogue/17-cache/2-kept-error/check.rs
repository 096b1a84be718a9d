use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use exercises::{check, same, seconds, took, wrong};
use futures::FutureExt as _;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::exercise::{Answer, Cache};

const SECOND: Duration = Duration::from_secs(1);

/// What happens in one call, after a second.
#[derive(Clone, Copy)]
enum Step {
    Report,
    Fail,
    Panic,
}

use Step::{Fail, Panic, Report};

/// Does in each call what its script says. A report is the number of the call that brought it.
struct Upstream {
    calls: Arc<AtomicUsize>,
    cache: Arc<Cache>,
}

impl Upstream {
    fn new(script: &'static [Step]) -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        let cache = Cache::new(Box::new(move |city| {
            let call = counter.fetch_add(1, Ordering::Relaxed) + 1;
            async move {
                sleep(SECOND).await;
                match script.get(call - 1) {
                    Some(Fail) => Err(io::Error::other(format!("{city}: call {call} failed"))),
                    // Without the message that `panic!` prints.
                    Some(Panic) => resume_unwind(Box::new("the fetch panicked")),
                    Some(Report) | None => Ok(u32::try_from(call).unwrap_or_default()),
                }
            }
            .boxed()
        }));
        let cache = Arc::new(cache);
        Self { calls, cache }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    fn caller(&self) -> JoinHandle<Result<u32, String>> {
        let cache = Arc::clone(&self.cache);
        tokio::spawn(async move { said(cache.get("Oslo").await) })
    }

    /// What a caller has who asks now, and after how long.
    async fn ask(&self) -> (Result<u32, String>, Duration) {
        let (answer, time) = took(timeout(60 * SECOND, self.caller())).await;
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err("a panic".to_owned()),
            Err(_) => Err("no answer in a minute".to_owned()),
        };
        (answer, time)
    }
}

fn said(answer: Answer) -> Result<u32, String> {
    answer.map_err(|error| error.to_string())
}

#[test]
fn all_who_wait_have_the_error_of_one_call() {
    check(async {
        let upstream = Upstream::new(&[Fail]);
        let callers = [(); 3].map(|()| upstream.caller());
        let (answers, time) = took(futures::future::join_all(callers)).await;
        if upstream.calls() > 1 {
            wrong(
                "a-cell-shares-errors",
                format!(
                    "Three callers waited for a call that failed. There were {} calls, and the last \
                     one had his answer after {}.",
                    upstream.calls(),
                    seconds(time)
                ),
            );
        }
        for answer in answers {
            let answer = answer.unwrap_or_else(|_| Err("a panic".to_owned()));
            same(
                "the answer of each of three callers",
                answer,
                Err("Oslo: call 1 failed".to_owned()),
            );
        }
        same("the time of the failing call", seconds(time), "1.0 s");
    });
}

#[test]
fn who_asks_after_an_error_makes_a_new_call() {
    check(async {
        let upstream = Upstream::new(&[Fail, Fail, Report]);
        for call in 1..=2 {
            let (answer, _) = upstream.ask().await;
            if upstream.calls() < call {
                wrong(
                    "a-failed-flight-retries",
                    "The first call failed. Who asked later made no call, and had the error of the \
                     first one.",
                );
            }
            same(
                "the answer of a call that fails",
                answer,
                Err(format!("Oslo: call {call} failed")),
            );
        }
        let (answer, time) = upstream.ask().await;
        same("the answer of the third call", answer, Ok(3));
        same("the time of the third call", seconds(time), "1.0 s");
        let (answer, time) = upstream.ask().await;
        same("the answer after a report", answer, Ok(3));
        same("the time after a report", seconds(time), "0.0 s");
        same("the calls", upstream.calls(), 3);
    });
}

#[test]
fn a_new_flight_is_not_thrown_out_with_the_old_one() {
    check(async {
        // Whoever has his turn first, and whoever asks again at once.
        for eager in 0..3 {
            let upstream = Upstream::new(&[Fail, Report]);
            let callers: Vec<_> = (0..3)
                .map(|number| {
                    let cache = Arc::clone(&upstream.cache);
                    tokio::spawn(async move {
                        let answer = cache.get("Oslo").await;
                        let again = number == eager && answer.is_err();
                        said(if again {
                            cache.get("Oslo").await
                        } else {
                            answer
                        })
                    })
                })
                .collect();
            sleep(SECOND + SECOND / 2).await;
            if upstream.calls() < 2 {
                wrong(
                    "a-failed-flight-retries",
                    "The first call failed, and one caller asked again at once. He made no call.",
                );
            }
            let (answer, _) = upstream.ask().await;
            if upstream.calls() > 2 {
                wrong(
                    "any-flight-is-my-flight",
                    format!(
                        "Three callers waited for a call that failed, and one of them asked again at \
                         once. Who came half a second later should have waited for that second \
                         call, and made one of his own: {} calls.",
                        upstream.calls()
                    ),
                );
            }
            same("the answer of the one who came later", answer, Ok(2));
            for caller in callers {
                assert!(caller.await.is_ok(), "A caller has panicked.");
            }
        }
    });
}

#[test]
fn a_panic_does_not_spoil_the_key() {
    check(async {
        let upstream = Upstream::new(&[Panic, Report]);
        let others = [(); 2].map(|()| upstream.caller());
        let (answer, _) = upstream.ask().await;
        assert!(
            answer.is_err() && answer != Err("no answer in a minute".to_owned()),
            "The fetch panicked, and one who waited for it had {answer:?}."
        );
        for other in others {
            let ended = timeout(60 * SECOND, other).await;
            assert!(
                ended.is_ok(),
                "The fetch panicked, and one of three who waited for it waits for ever."
            );
        }
        let before = upstream.calls();
        let (answer, _) = upstream.ask().await;
        let is_dead = answer.is_err() && upstream.calls() == before;
        // Whoever removes nothing at all has learnt it from the other checks.
        if is_dead && removes_errors().await {
            wrong(
                "the-line-after-the-await-runs",
                format!(
                    "The fetch panicked. Who asked for the same city later made no call, and had: \
                     {}.",
                    answer.unwrap_err()
                ),
            );
        }
        same("the calls of who asks later", upstream.calls() - before, 1);
        let calls = u32::try_from(upstream.calls()).unwrap_or_default();
        same("the answer of who asks later", answer, Ok(calls));
    });
}

async fn removes_errors() -> bool {
    let upstream = Upstream::new(&[Fail, Report]);
    let _ = upstream.ask().await;
    upstream.ask().await.0.is_ok()
}

#[test]
fn an_error_is_of_one_city() {
    check(async {
        let upstream = Upstream::new(&[Fail, Report]);
        let (oslo, rome) = tokio::join!(upstream.cache.get("Oslo"), upstream.cache.get("Rome"));
        same(
            "the answer for Oslo",
            said(oslo),
            Err("Oslo: call 1 failed".to_owned()),
        );
        same("the answer for Rome", said(rome), Ok(2));
    });
}
