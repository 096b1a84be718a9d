use std::panic;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use exercises::{check, same, seconds, wrong};
use tokio::time::{advance, sleep, timeout};

use super::exercise::{Breaker, Error};

const OPEN_FOR: Duration = Duration::from_secs(3);
const MOMENT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(120);

type Answer = Result<u32, Error<&'static str>>;

const REFUSED: Answer = Err(Error::Refused);

async fn takes(time: Duration) -> Result<u32, &'static str> {
    sleep(time).await;
    Ok(100)
}

/// A call to a service that is well, and answers at once.
async fn quick(breaker: &Breaker) -> Answer {
    breaker.call(async { Ok(100) }).await
}

/// A call to a service that is down.
async fn failing(breaker: &Breaker) -> Answer {
    breaker.call(async { Err("503") }).await
}

async fn open_up(breaker: &Breaker) {
    same(
        "the answer of a service that is down",
        failing(breaker).await,
        Err(Error::Failed("503")),
    );
    same("a call while it is open", quick(breaker).await, REFUSED);
}

/// A breaker that has opened, and its time is over: the next call is the probe.
async fn due() -> Arc<Breaker> {
    let breaker = Arc::new(Breaker::new(OPEN_FOR));
    open_up(&breaker).await;
    advance(OPEN_FOR).await;
    breaker
}

/// How long the probe had been under way when another call got through.
async fn second_probe() -> Option<Duration> {
    let breaker = due().await;
    let mut probe = pin!(breaker.call(takes(LONG)));
    for period in 1..20 {
        if timeout(OPEN_FOR, probe.as_mut()).await.is_ok() {
            panic!("a probe of two minutes has ended after {period} periods");
        }
        if quick(&breaker).await != REFUSED {
            return Some(period * OPEN_FOR);
        }
    }
    same("the probe, after two minutes", probe.await, Ok(100));
    same("a call after it", quick(&breaker).await, Ok(100));
    None
}

/// A call right after a probe that has panicked.
async fn after_a_panic() -> Answer {
    let breaker = due().await;
    let probe = breaker.clone();
    let task = tokio::spawn(async move {
        // A panic without its message.
        let bug = async { panic::resume_unwind(Box::new("a bug")) };
        probe.call::<u32, &str>(bug).await
    });
    same("whether the probe panicked", task.await.is_err(), true);
    quick(&breaker).await
}

#[test]
fn after_a_probe_that_is_dropped_the_next_call_is_the_probe() {
    check(async {
        let breaker = due().await;
        for _ in 0..2 {
            let page = timeout(MOMENT, breaker.call(takes(LONG))).await;
            if page == Ok(REFUSED) {
                break;
            }
            same("whether the page was closed", page.is_err(), true);
        }
        let next = quick(&breaker).await;
        if next == REFUSED {
            advance(10 * OPEN_FOR).await;
            if quick(&breaker).await == REFUSED {
                let name = if after_a_panic().await == REFUSED {
                    "the-next-line-runs"
                } else {
                    "cancel-is-an-exception"
                };
                wrong(
                    name,
                    "A probe was dropped at its await. Half a minute later the breaker still \
                     refuses everybody: nothing has told it that the probe has ended.",
                );
            }
            if second_probe().await.is_none() {
                wrong(
                    "a-dropped-probe-has-failed",
                    "A probe was dropped, and the breaker refused the next call, although its time \
                     was over. A while later it let one through.",
                );
            }
        }
        same("the call after a probe that was dropped", next, Ok(100));
        same("and one more", quick(&breaker).await, Ok(100));
    });
}

#[test]
fn so_it_is_after_a_probe_that_panics() {
    check(async {
        let next = after_a_panic().await;
        same("the call after a probe that panicked", next, Ok(100));
    });
}

#[test]
fn a_probe_that_takes_two_minutes_is_the_only_one() {
    check(async {
        if let Some(time) = second_probe().await {
            wrong(
                "a-timer-finds-the-lost-probe",
                format!(
                    "A probe was under way for {}, and nobody had dropped it. Another call was let \
                     through.",
                    seconds(time)
                ),
            );
        }
    });
}

#[test]
fn a_call_from_before_makes_no_room_for_a_second_probe() {
    check(async {
        for early_time in [LONG, OPEN_FOR + 2 * MOMENT] {
            let breaker = Breaker::new(OPEN_FOR);
            let mut early = Box::pin(breaker.call(takes(early_time)));
            let is_under_way = timeout(MOMENT, early.as_mut()).await.is_err();
            same("whether the first call is under way", is_under_way, true);
            open_up(&breaker).await;
            advance(OPEN_FOR).await;
            let mut probe = pin!(breaker.call(takes(LONG)));
            let is_under_way = timeout(MOMENT, probe.as_mut()).await.is_err();
            same("whether the probe is under way", is_under_way, true);
            let end = if early_time == LONG {
                drop(early);
                "was dropped"
            } else {
                same("the first call", early.await, Ok(100));
                "ended"
            };
            if quick(&breaker).await != REFUSED {
                wrong(
                    "late-ends-count",
                    format!(
                        "A call that had begun before the breaker opened {end} while the probe was \
                         under way. After that another call got through: two probes at one time."
                    ),
                );
            }
            same("the probe", probe.await, Ok(100));
            same("a call after it", quick(&breaker).await, Ok(100));
        }
    });
}

#[test]
fn a_call_that_is_dropped_while_it_is_closed_counts_for_nothing() {
    check(async {
        let breaker = Breaker::new(OPEN_FOR);
        let page = timeout(MOMENT, breaker.call(takes(LONG))).await;
        same("whether the page was closed", page.is_err(), true);
        if quick(&breaker).await == REFUSED {
            wrong(
                "a-dropped-probe-has-failed",
                "The breaker was closed, one user gave up his call, and now it refuses everybody.",
            );
        }
    });
}

#[test]
fn a_probe_that_fails_opens_it_for_another_period() {
    check(async {
        let breaker = due().await;
        let probe = failing(&breaker).await;
        same("the probe", probe, Err(Error::Failed("503")));
        advance(OPEN_FOR - MOMENT).await;
        same("a call soon after", quick(&breaker).await, REFUSED);
        advance(MOMENT).await;
        same("a call after the period", quick(&breaker).await, Ok(100));
    });
}
