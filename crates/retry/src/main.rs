//! Trying again: how long to wait, what may be done twice, when to stop, and at whose cost.
//!
//! You will see a service that fails in chosen ways, the crate `backon` trying it again, and what
//! must be added so that retries do not make things worse.
//!
//! ```console
//! $ cargo run -p retry -- --instant
//! $ cargo run -p retry -- --instant storm
//! $ cargo run -p retry --bin http
//! ```
//!
//! The last one asks a real HTTP server. In Python: `tenacity`, `aiohttp-retry`, or a loop by hand
//! around `asyncio.timeout` and `asyncio.sleep`.

mod crowd;
mod log;
mod service;

use std::process::ExitCode;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use common::{Stage, Trace as _};
use retry::{Causes, Failure, Policy, Repeat};
use tokio::time::{Instant, sleep, timeout};
use tracing_subscriber::layer::SubscriberExt as _;

use log::{Clock, lines};
use service::{Bank, Service, Step};

const SECOND: Duration = Duration::from_secs(1);

/// The crate alone: three delays of 1, 2 and 4 seconds, and then the last error.
async fn try_again(backoff: ExponentialBuilder) {
    let clock = Clock::new();
    let service = Service::new([Step::Refuse, Step::Refuse, Step::Answer(503), Step::Ok]);
    let call = || service.call().traced("call()");
    let result = call
        .retry(backoff)
        .when(Failure::is_temporary)
        .notify(|failure, delay| {
            println!("{clock}  {failure}, again in {:.2} s", delay.as_secs_f64());
        })
        .await;
    match result {
        Ok(answer) => println!("{clock}  {answer}"),
        Err(failure) => println!("{clock}  gave up: {failure}"),
    }
}

async fn backoff(stage: &Stage) {
    stage.scene("no jitter");
    try_again(ExponentialBuilder::default()).await;
    stage.scene("with jitter");
    // A seed, so that this page and your terminal show the same. Leave it out in earnest, or all
    // your clients will have the same jitter.
    let jitter = ExponentialBuilder::default()
        .with_jitter()
        .with_jitter_seed(3);
    try_again(jitter).await;
}

/// How long everything may take, if the service hangs and if it is away.
async fn deadlines(stage: &Stage) {
    let backoff = ExponentialBuilder::default()
        .with_min_delay(SECOND / 2)
        .with_max_times(5);
    let service = Service::new([Step::Hang]);

    stage.scene("total_delay");
    let clock = Clock::new();
    // `total_delay` adds up the waits between the attempts, and not the attempts.
    let call = || timeout(SECOND, service.call()).traced("call()");
    let result = call.retry(backoff.with_total_delay(Some(4 * SECOND))).await;
    if result.is_err() {
        println!("{clock}  gave up: total_delay of 4 s");
    }

    let policy = Policy {
        backoff,
        attempt: SECOND,
        total: 4 * SECOND,
        budget: None,
    };
    stage.scene("total");
    ask(&policy, Repeat::Harmless, &service).await;
    stage.scene("no wait without an attempt");
    ask(&policy, Repeat::Harmless, &Service::new([Step::Refuse])).await;
}

/// One request, with everything that is logged on the way.
async fn ask(policy: &Policy, repeat: Repeat, service: &Service) {
    let clock = Clock::new();
    let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(lines(clock)));
    let call = |attempt| service.call().traced(format_args!("call({attempt})"));
    match policy.run(repeat, call).await {
        Ok(answer) => println!("{clock}  {answer}"),
        Err(gave_up) => println!("{clock}  {:#}", anyhow::Error::from(gave_up)),
    }
}

/// A service that says when it will be back.
async fn retry_after(stage: &Stage) {
    stage.scene("retry_after");
    let service = Service::new([Step::Busy(5), Step::Ok]);
    ask(&calm(), Repeat::Harmless, &service).await;
    // In an hour: that is no time to wait for.
    let service = Service::new([Step::Busy(3600), Step::Ok]);
    ask(&calm(), Repeat::Harmless, &service).await;
}

/// No jitter, for figures that can be checked by head.
fn calm() -> Policy {
    Policy {
        backoff: ExponentialBuilder::default(),
        ..Policy::default()
    }
}

/// How often a service is called, of four times at most.
async fn which() {
    let policy = Policy {
        attempt: SECOND,
        ..calm()
    };
    println!("failure  harmless twice  harmful twice");
    for step in [
        Step::Refuse,
        Step::Answer(503),
        Step::Answer(429),
        Step::Reset,
        Step::Hang,
        Step::Answer(504),
        Step::Answer(400),
        Step::Answer(500),
    ] {
        let mut cells = String::new();
        let mut cause = None;
        for repeat in [Repeat::Harmless, Repeat::Harmful] {
            let service = Service::new([step]);
            if let Err(gave_up) = policy.run(repeat, |_| service.call()).await {
                cause = gave_up.failures.last().map(|failed| failed.failure.cause);
            }
            cells += &format!("  {:14}", service.calls.get());
        }
        if let Some(cause) = cause {
            println!("{:7}{cells}", cause.to_string());
        }
    }
}

/// A payment whose answer is lost.
async fn charge() {
    for (how, repeat, key) in [
        ("blindly", Repeat::Harmless, None),
        ("not at all", Repeat::Harmful, None),
        ("with a key", Repeat::Harmless, Some("order 7")),
    ] {
        let bank = Bank::default();
        let result = calm().run(repeat, |_| bank.charge(key)).await;
        let charged = bank.charged.get();
        let s = if charged == 1 { "" } else { "s" };
        match result {
            Ok(answer) => println!("again {how}: {charged} charge{s}, {answer}"),
            Err(error) => println!("again {how}: {charged} charge{s}, {error}"),
        }
    }
}

/// What the log knows when some requests are through.
async fn causes() {
    let causes = Causes::default();
    let clock = Clock::new();
    let log = tracing_subscriber::registry()
        .with(causes.clone())
        .with(lines(clock));
    let log = tracing::subscriber::set_default(log);
    let policy = Policy {
        attempt: SECOND,
        ..calm()
    };
    let requests = [
        (Repeat::Harmless, vec![Step::Refuse, Step::Refuse, Step::Ok]),
        (Repeat::Harmless, vec![Step::Hang, Step::Busy(2), Step::Ok]),
        (Repeat::Harmless, vec![Step::Answer(400)]),
        (Repeat::Harmful, vec![Step::Busy(1), Step::Reset]),
        (Repeat::Harmless, vec![Step::Hang, Step::Refuse]),
    ];
    let mut last = None;
    for (repeat, script) in requests {
        let service = Service::new(script);
        last = policy.run(repeat, |_| service.call()).await.err().or(last);
    }
    drop(log);
    println!("{causes}");
    // The log is for all requests. The error is for the one who made this one.
    if let Some(gave_up) = last {
        println!("{gave_up}:");
        for failed in &gave_up.failures {
            println!(
                "  after {:.1} s: {}",
                failed.after.as_secs_f64(),
                failed.failure
            );
        }
    }
}

/// A caller that gives up, once during a wait and once during an attempt.
async fn cancel(stage: &Stage) {
    for (when, step) in [("a wait", Step::Refuse), ("an attempt", Step::Hang)] {
        stage.scene(when);
        let (start, service, policy) = (Instant::now(), Service::new([step]), calm());
        let run = policy.run(Repeat::Harmless, |_| service.call());
        if timeout(SECOND * 3 / 2, run.traced("run()")).await.is_err() {
            let (took, calls) = (start.elapsed().as_secs_f64(), service.calls.get());
            println!("during {when}: given up after {took:.1} s, calls: {calls}");
        }
        sleep(60 * SECOND).await;
        println!("a minute later: calls: {}", service.calls.get());
    }
}

const PARTS: [&str; 10] = [
    "backoff",
    "deadlines",
    "retry-after",
    "which",
    "charge",
    "causes",
    "cancel",
    "herd",
    "storm",
    "layers",
];

// One thread, like asyncio's event loop.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage = Stage::new("Trying again: how long to wait, what may be done twice, when to stop.")
        .arguments(
            "PART...",
            "backoff, deadlines, retry-after, which, charge, causes, cancel, herd, storm, layers \
             (default: all, which takes minutes without --instant)",
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
        match part {
            "backoff" => backoff(&stage).await,
            "deadlines" => deadlines(&stage).await,
            "retry-after" => retry_after(&stage).await,
            "which" => which().await,
            "charge" => charge().await,
            "causes" => causes().await,
            "cancel" => cancel(&stage).await,
            "herd" => crowd::herd(&stage).await,
            "storm" => crowd::storm().await,
            _ => crowd::layers().await,
        }
    }
    stage.finish()
}
