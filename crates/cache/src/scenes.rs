//! What is kept: how long, how many, under which key, and what an invalidation does to a flight.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cache::{Cache, Policy};
use common::Trace as _;
use futures::future::join_all;
use tokio::time::{Instant, sleep, sleep_until};

use crate::arena::{count, told};
use crate::upstream::{Ends, Upstream};
use crate::versions::{Reports, TaskPerKey};

const SECOND: Duration = Duration::from_secs(1);

/// Reports that are fresh for two seconds, and good enough for two more.
pub(crate) async fn expiry() {
    let policy = Policy {
        stale: 2 * SECOND,
        ..Policy::new(1000, 2 * SECOND)
    };
    let reports = TaskPerKey::with(policy, Upstream::new(Ends::Well));
    let start = Instant::now();
    for half_seconds in [0, 4, 7, 10, 20] {
        sleep_until(start + half_seconds * SECOND / 2).await;
        ask(&reports, start).await;
    }
    println!("{}", reports.info());
}

/// Errors that are kept for two seconds.
pub(crate) async fn kept_errors() {
    let policy = Policy {
        errors: 2 * SECOND,
        ..Policy::new(1000, 60 * SECOND)
    };
    let reports = TaskPerKey::with(policy, Upstream::new(Ends::InAnError));
    let start = Instant::now();
    for seconds in [0, 2, 4] {
        sleep_until(start + seconds * SECOND).await;
        ask(&reports, start).await;
    }
    println!("{}", reports.info());
}

/// There is news while somebody asks. What was fetched before must not be kept after it.
pub(crate) async fn invalidate<R: Reports>() {
    println!("{}:", R::NAME);
    let reports = R::new(Upstream::new(Ends::Well));
    let start = Instant::now();
    let news = async {
        sleep(SECOND / 2).await;
        reports.invalidate("Oslo").await;
        println!("0.5 s: there is news from Oslo");
        sleep(SECOND / 5).await;
        ask(&reports, start).await;
    };
    tokio::join!(ask(&reports, start), news);
    sleep_until(start + 3 * SECOND).await;
    ask(&reports, start).await;
}

async fn ask(reports: &impl Reports, start: Instant) {
    let asked = start.elapsed().as_secs_f64();
    let call = reports.get("Oslo");
    let answer = call.traced(format!("caller at {asked:.1} s")).await;
    let took = start.elapsed().as_secs_f64() - asked;
    println!(
        "asked at {asked:.1} s: {}, after {took:.1} s",
        told(&answer)
    );
}

/// Ten numbers are popular. Between two rounds of them, others are asked for, 10,000 in all. The
/// cache has room for 100.
pub(crate) async fn bounds() {
    for others in [50, 200] {
        let fetched = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&fetched);
        let numbers = Cache::new(Policy::new(100, 60 * SECOND), move |n: u32| {
            counter.fetch_add(u32::from(n < POPULAR), Ordering::Relaxed);
            async move { Ok::<_, Infallible>(n) }
        });
        scan(others, async |n| drop(numbers.get(&n).await)).await;
        let fetched = fetched.load(Ordering::Relaxed);
        println!(
            "lru, {others} others between two rounds: the popular ones fetched {fetched} times"
        );
        println!("{}", numbers.info());
    }

    let others = 200;
    let fetched = AtomicU32::new(0);
    let numbers = moka::future::Cache::new(100);
    scan(others, async |n| {
        let fetch = async {
            fetched.fetch_add(u32::from(n < POPULAR), Ordering::Relaxed);
            n
        };
        numbers.get_with(n, fetch).await;
    })
    .await;
    let fetched = fetched.load(Ordering::Relaxed);
    println!("moka, {others} others between two rounds: the popular ones fetched {fetched} times");
    // What was written is counted, and what is too much evicted, some time later, or now.
    numbers.run_pending_tasks().await;
    println!("entries={}", numbers.entry_count());
}

const POPULAR: u32 = 10;

async fn scan(others: u32, get: impl AsyncFn(u32)) {
    for n in 0..10_000 {
        if n % others == 0 {
            for popular in 0..POPULAR {
                get(popular).await;
            }
        }
        get(POPULAR + n).await;
    }
}

/// One city under three names, and then under one.
pub(crate) async fn keys() {
    let names = ["Oslo", "oslo", "Oslo "];
    let upstream = Upstream::new(Ends::Well);
    let reports = TaskPerKey::new(upstream.clone());
    join_all(names.map(|name| reports.get(name))).await;
    println!("as they were typed: {} calls", upstream.calls());

    let upstream = Upstream::new(Ends::Well);
    let reports = TaskPerKey::new(upstream.clone());
    let names = names.map(|name| name.trim().to_lowercase());
    join_all(names.iter().map(|name| reports.get(name))).await;
    println!(
        "trimmed, in lower case: {}",
        count(upstream.calls(), "call")
    );
}
