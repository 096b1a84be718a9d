use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use exercises::{check, same, seconds, took, wrong};
use futures::FutureExt as _;
use futures::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::exercise::Cache;

const HALF: Duration = Duration::from_millis(500);
const IMPATIENT: Duration = Duration::from_millis(300);
const PATIENT: Duration = Duration::from_mins(1);

/// Serves reports: half a second to be heard, half a second to be answered. A report is the number
/// of the call that brought it.
#[derive(Clone, Default)]
struct Upstream(Arc<AtomicU32>);

impl Upstream {
    fn calls(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    fn cache(&self) -> Arc<Cache> {
        let calls = Arc::clone(&self.0);
        Arc::new(Cache::new(Box::new(move |_| {
            let calls = Arc::clone(&calls);
            async move {
                let call = calls.fetch_add(1, Ordering::Relaxed) + 1;
                sleep(HALF).await;
                sleep(HALF).await;
                call
            }
            .boxed()
        })))
    }
}

/// A caller who waits for as long as his `patience`: what he has, and after how long.
fn caller(
    cache: &Arc<Cache>,
    city: &str,
    patience: Duration,
) -> JoinHandle<(Option<u32>, Duration)> {
    let (cache, city) = (Arc::clone(cache), city.to_owned());
    tokio::spawn(async move {
        let (report, time) = took(timeout(patience, cache.get(&city))).await;
        (report.ok(), time)
    })
}

#[test]
fn a_hundred_callers_make_one_call() {
    check(async {
        let upstream = Upstream::default();
        let cache = upstream.cache();
        let callers: Vec<_> = (0..100).map(|_| caller(&cache, "Oslo", PATIENT)).collect();
        for caller in callers {
            let (report, time) = caller.await.expect("a caller has panicked");
            if upstream.calls() > 1 {
                wrong(
                    "nobody-comes-between",
                    format!(
                        "A hundred callers asked at the same moment, and made {} calls: they had \
                         all looked before the first of them kept anything.",
                        upstream.calls()
                    ),
                );
            }
            same("the report of each caller", report, Some(1));
            same("the time of each caller", seconds(time), "1.0 s");
        }
        same("the calls", upstream.calls(), 1);
    });
}

#[test]
fn a_report_is_kept() {
    check(async {
        let upstream = Upstream::default();
        let cache = upstream.cache();
        same("the first report from Oslo", cache.get("Oslo").await, 1);
        let (report, time) = took(cache.get("Oslo")).await;
        same("the second report from Oslo", report, 1);
        same("the time of the second one", seconds(time), "0.0 s");
        same("the report from Rome", cache.get("Rome").await, 2);
        same("the calls for Oslo, Oslo and Rome", upstream.calls(), 2);
    });
}

#[test]
fn cities_do_not_wait_for_each_other() {
    check(async {
        let upstream = Upstream::default();
        let cache = upstream.cache();
        let cities = ["Oslo", "Rome", "Lima", "Cairo", "Perth"];
        let (_, time) = took(join_all(cities.map(|city| cache.get(city)))).await;
        if time > Duration::from_secs(1) {
            wrong(
                "a-lock-holds-up-one-key",
                format!(
                    "Five callers asked for five cities, and the last one had his report after {}.",
                    seconds(time)
                ),
            );
        }
        same("the calls for five cities", upstream.calls(), 5);

        let slow = caller(&cache, "Quito", PATIENT);
        sleep(IMPATIENT).await;
        let (_, time) = took(cache.get("Oslo")).await;
        if !time.is_zero() {
            wrong(
                "a-lock-holds-up-one-key",
                format!(
                    "The report from Oslo was there, and who asked for it waited {}, because \
                     somebody else had asked for Quito.",
                    seconds(time)
                ),
            );
        }
        same("Quito has a report", slow.await.is_ok(), true);
    });
}

/// What the one who stays has, when those before him give up.
async fn judge(upstream: &Upstream, stays: JoinHandle<(Option<u32>, Duration)>) {
    let Ok((report, time)) = stays.await else {
        wrong(
            "the-first-one-stays",
            "The first caller gave up, and the one who waited for word from him panicked.",
        );
    };
    if report.is_none() {
        wrong(
            "the-first-one-stays",
            "The first caller gave up, and another one still waited a minute later: nobody was left \
             to tell him anything.",
        );
    }
    if upstream.calls() > 1 && time <= Duration::from_secs(1) {
        wrong(
            "nobody-comes-between",
            format!(
                "There were {} calls for one city, each by a caller who had found nothing.",
                upstream.calls()
            ),
        );
    }
    if upstream.calls() > 1 {
        wrong(
            "timeout-lets-it-run",
            format!(
                "Who gave up took his call along: there were {} calls, and who stayed had his \
                 report after {} instead of 1.0 s.",
                upstream.calls(),
                seconds(time)
            ),
        );
    }
    same("the report of who stays", report, Some(1));
    same("the time of who stays", seconds(time), "1.0 s");
}

#[test]
fn who_stays_loses_nothing_when_the_first_gives_up() {
    check(async {
        let upstream = Upstream::default();
        let cache = upstream.cache();
        let first = caller(&cache, "Oslo", IMPATIENT);
        let others = [(); 2].map(|()| caller(&cache, "Oslo", PATIENT));
        for other in others {
            judge(&upstream, other).await;
        }
        same("the first one", first.await.ok(), Some((None, IMPATIENT)));
    });
}

#[test]
fn who_stays_loses_nothing_when_one_after_the_other_gives_up() {
    check(async {
        let upstream = Upstream::default();
        let cache = upstream.cache();
        for turn in 1..=3 {
            caller(&cache, "Oslo", turn * IMPATIENT);
        }
        judge(&upstream, caller(&cache, "Oslo", PATIENT)).await;
    });
}

#[test]
fn who_comes_when_all_have_given_up_has_a_report() {
    check(async {
        let upstream = Upstream::default();
        let cache = upstream.cache();
        let _ = caller(&cache, "Oslo", IMPATIENT).await;
        sleep(2 * HALF).await;
        let Ok((Some(_), _)) = caller(&cache, "Oslo", PATIENT).await else {
            wrong(
                "the-first-one-stays",
                "The only caller gave up. Who came a second later had no report, for the first one \
                 was to bring it.",
            );
        };
        let calls = upstream.calls();
        assert!(
            calls <= 2,
            "Two callers one after the other made {calls} calls."
        );
    });
}
