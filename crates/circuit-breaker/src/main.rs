//! A circuit breaker: a service that fails is left alone, and one call at a time finds out whether
//! it is back.
//!
//! You will see a breaker open, probe and close; a hundred callers of whom one is the probe; probes
//! that come to no end; answers that come too late to count; where the breaker belongs among retry
//! and timeout; and what it spares a service that is down. The breaker itself is in `lib.rs`.
//!
//! ```console
//! $ cargo run -p circuit-breaker -- --instant
//! ```
//!
//! In Python: the packages `pybreaker` and `aiobreaker`, or sixty lines of one's own.

mod compared;
mod counts;
mod fallback;
mod order;
mod service;
mod storm;
#[cfg(test)]
mod tests;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use circuit_breaker::{Breaker, Error, Policy, State};
use common::{Stage, Trace as _};
use futures::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use fallback::Prices;
use service::{Clock, Failure, Service, ask};

/// Half of the last ten results, at least four, and none older than ten seconds.
const POLICY: Policy = Policy {
    last: 10,
    within: Duration::from_secs(10),
    at_least: 4,
    percent: 50,
    open_for: Duration::from_secs(3),
};

/// A breaker that prints each change of its state.
fn logged(clock: Clock) -> Breaker {
    Breaker::new(POLICY).on_change(move |state| clock.say(format_args!("breaker: {state}")))
}

/// One call that the breaker watches. The deadline is inside, so that the breaker sees it.
async fn guarded(breaker: &Breaker, service: &Service) -> Result<u64, Error<Failure>> {
    let is_failure = Failure::speaks_against_the_service;
    breaker.call(ask(service), is_failure).await
}

/// A call each second. The service is down from 1.5 s to 8.5 s.
async fn life() {
    let clock = Clock::start();
    let (state, states) = watch::channel(State::Closed);
    let breaker = Breaker::new(POLICY).on_change(move |to| {
        clock.say(format_args!("breaker: {to}"));
        state.send_replace(to);
    });
    let drawing = tokio::spawn(draw(states));
    let prices = Arc::new(Prices::new(Service::down(clock, 1.5..8.5), breaker));
    let mut calls = JoinSet::new();
    for n in 0..13 {
        clock.until(f64::from(n)).await;
        let prices = Arc::clone(&prices);
        let call = async move {
            match prices.quote().await {
                Ok(quote) => clock.say(format_args!("caller({n}): {quote}")),
                Err(error) => clock.say(format_args!("caller({n}): {error}")),
            }
        };
        calls.spawn(call.traced(format_args!("caller({n})")));
    }
    calls.join_all().await;
    drop(prices); // and with it the breaker: that ends the last row
    if drawing.await.is_err() {
        println!("the drawing has panicked");
    }
}

/// Rows of the timeline that show the state: each lasts until the next change.
async fn draw(mut states: watch::Receiver<State>) {
    loop {
        let state = *states.borrow_and_update();
        let row = states.changed().traced(format!("breaker({state})"));
        if row.await.is_err() {
            return; // The breaker is gone.
        }
    }
}

/// Four calls that time out: enough to open the breaker.
async fn open(breaker: &Breaker, service: &Service) {
    join_all((0..4).map(|_| guarded(breaker, service))).await;
}

/// When the open period is over, a hundred callers are waiting.
async fn probe() {
    let clock = Clock::start();
    let service = Service::down(clock, 0.0..2.0);
    let breaker = logged(clock);
    open(&breaker, &service).await;
    for second in [4.0, 5.0] {
        clock.until(second).await;
        let before = service.reached();
        let answers = join_all((0..100).map(|_| guarded(&breaker, &service))).await;
        let refused = answers
            .iter()
            .filter(|answer| matches!(answer, Err(Error::Refused)));
        clock.say(format_args!(
            "100 callers: {} reached the service, {} were refused",
            service.reached() - before,
            refused.count(),
        ));
    }
}

/// Probes that come to no end.
async fn dropped() {
    let clock = Clock::start();
    let service = Arc::new(Service::down(clock, 0.0..2.0));
    let breaker = Arc::new(logged(clock));
    open(&breaker, &service).await;

    clock.until(4.0).await;
    let patience = Duration::from_millis(100);
    match timeout(patience, guarded(&breaker, &service)).await {
        Ok(answer) => clock.say(format_args!("first caller: {}", told(&answer))),
        Err(_) => clock.say("first caller: has gone away"),
    }

    clock.until(5.0).await;
    let task = tokio::spawn({
        let (breaker, service) = (Arc::clone(&breaker), Arc::clone(&service));
        async move {
            let reads_the_answer = async { ask(&service).await.map(misread) };
            let is_failure = Failure::speaks_against_the_service;
            breaker.call(reads_the_answer, is_failure).await
        }
    });
    match task.await {
        Ok(answer) => clock.say(format_args!("second caller: {}", told(&answer))),
        Err(_) => clock.say("second caller: has a bug"),
    }

    clock.until(6.0).await;
    let answer = guarded(&breaker, &service).await;
    clock.say(format_args!("third caller: {}", told(&answer)));
}

fn misread(_: u64) -> u64 {
    panic!("a bug in the code that reads the answer")
}

fn told(answer: &Result<u64, Error<Failure>>) -> String {
    match answer {
        Ok(price) => price.to_string(),
        Err(error) => error.to_string(),
    }
}

/// Says how a call ended that had begun long before.
async fn ends_late(clock: Clock, breaker: &Breaker, after: Duration, result: Result<u64, Failure>) {
    let answer = async {
        sleep(after).await;
        result
    };
    let is_failure = Failure::speaks_against_the_service;
    let answer = breaker.call(answer, is_failure).await;
    let state = breaker.state();
    clock.say(format_args!(
        "a late end: {}, and it is {state}",
        told(&answer)
    ));
}

/// Calls that began before the breaker opened, and end after that.
async fn late() {
    let clock = Clock::start();
    let service = Service::down(clock, 0.0..1.0);
    let breaker = logged(clock);
    let late = |after, result| {
        let after = Duration::from_millis(after);
        ends_late(clock, &breaker, after, result)
    };
    let others = async {
        open(&breaker, &service).await;
        clock.until(4.0).await;
        let answer = guarded(&breaker, &service).await;
        clock.say(format_args!("the probe: {}", told(&answer)));
    };
    tokio::join!(
        late(2000, Ok(100)),
        late(4100, Ok(100)),
        join_all((0..4).map(|_| late(5000, Err(Failure::Unavailable)))),
        others,
    );
}

const PARTS: [&str; 10] = [
    "life", "nothing", "probe", "dropped", "late", "counts", "hosts", "order", "storm", "recloser",
];

// One thread, like asyncio's event loop.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage = Stage::new("A circuit breaker: closed, open, half-open.")
        .arguments(
            "PART...",
            "life, nothing, probe, dropped, late, counts, hosts, order, storm, recloser \
             (default: all, which takes a minute and a half without --instant)",
        )
        .begin()
        .await;
    let wanted = stage.positional();
    if let Some(part) = wanted.iter().find(|part| !PARTS.contains(&part.as_str())) {
        stage.usage_error(format_args!("there is no part {part:?}; see --help"));
    }
    for part in PARTS {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == part) {
            continue;
        }
        println!("-- {part}");
        stage.scene(part);
        match part {
            "life" => life().await,
            "nothing" => fallback::nothing().await,
            "probe" => probe().await,
            "dropped" => dropped().await,
            "late" => late().await,
            "counts" => counts::counts().await,
            "hosts" => counts::hosts().await,
            "order" => order::order().await,
            "storm" => storm::storm().await,
            _ => compared::compared().await,
        }
    }
    stage.finish()
}
