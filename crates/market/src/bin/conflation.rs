//! One exchange, a fast reader and a slow one: four things to put between them.
//!
//! A price comes every tenth of a second, twenty in all. The fast reader can take each; the slow
//! one needs half a second for a price, as a browser does on a poor line. You will see whose prices
//! are old, who waits for whom, and how much lies about in between.
//!
//! ```console
//! $ cargo run -p market --bin conflation
//! ```
//!
//! In Python: `asyncio.Queue` per client, and what takes its place. `crates/market/conflation.py`.

use std::cell::Cell;
use std::process::ExitCode;
use std::time::Duration;

use common::{Stage, Trace as _};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::spawn;
use tokio::time::{Instant, sleep};

const TENTH: Duration = Duration::from_millis(100);
const PRICES: u32 = 20;
const FAST: Duration = Duration::from_millis(50);
const SLOW: Duration = Duration::from_millis(500);

/// A price, and when it was made.
#[derive(Clone, Copy)]
struct Price {
    number: u32,
    made: Instant,
}

/// A price every tenth of a second. `publish` is where it goes.
async fn exchange(mut publish: impl AsyncFnMut(Price)) {
    let start = Instant::now();
    for number in 1..=PRICES {
        sleep(TENTH).await;
        let made = Instant::now();
        publish(Price { number, made }).await;
    }
    println!("  exchange: ended after {:.1} s", seconds_since(start));
}

/// Shows each price that `next` brings, and needs `pause` for each.
async fn reader(name: &'static str, pause: Duration, mut next: impl AsyncFnMut() -> Option<Price>) {
    let start = Instant::now();
    let (mut shown, mut last, mut at, mut oldest) = (0, 0, 0.0, 0.0_f64);
    while let Some(price) = next().await {
        at = seconds_since(start);
        oldest = oldest.max(seconds_since(price.made));
        last = price.number;
        shown += 1;
        // Stands in for a slow line, or for a browser with much to draw.
        let row = sleep(pause).traced(format!("{name} show({last})"));
        row.await;
    }
    println!(
        "  {name}: {shown} prices, up to {oldest:.1} s old; the last was number {last}, at {at:.1} s"
    );
}

/// A queue for each reader, without a bound.
async fn unbounded() {
    let (to_fast, mut for_fast) = mpsc::unbounded_channel();
    let (to_slow, mut for_slow) = mpsc::unbounded_channel();
    let most = Cell::new(0);
    // `move`: the senders go with the exchange. Were they borrowed, the readers would never end.
    let exchange = exchange(async move |price: Price| {
        // It fails when the reader is gone, and there is none who could leave here.
        let _ = to_fast.send(price);
        let _ = to_slow.send(price);
    });
    let fast = reader("fast", FAST, async move || for_fast.recv().await);
    let slow = reader("slow", SLOW, async || {
        most.set(most.get().max(for_slow.len()));
        for_slow.recv().await
    });
    let (exchange, fast) = (spawn(exchange), spawn(fast));
    slow.await;
    let _ = tokio::join!(exchange, fast);
    println!("  at most {} prices waited for the slow one", most.get());
}

/// A queue for each reader, with room for four.
async fn bounded() {
    let (to_fast, mut for_fast) = mpsc::channel(4);
    let (to_slow, mut for_slow) = mpsc::channel(4);
    let exchange = exchange(async move |price: Price| {
        let _ = to_fast.send(price).await;
        let _ = to_slow.send(price).await;
    });
    let fast = reader("fast", FAST, async move || for_fast.recv().await);
    let slow = reader("slow", SLOW, async || for_slow.recv().await);
    let (exchange, fast) = (spawn(exchange), spawn(fast));
    slow.await;
    let _ = tokio::join!(exchange, fast);
}

/// One ring of four places for all; who is slow finds the oldest gone.
async fn ring() {
    let (sender, mut for_fast) = broadcast::channel(4);
    let mut for_slow = sender.subscribe();
    let lost = Cell::new(0);
    let exchange = exchange(async move |price: Price| {
        let _ = sender.send(price);
    });
    let fast = reader("fast", FAST, async move || for_fast.recv().await.ok());
    let slow = reader("slow", SLOW, async || {
        loop {
            match for_slow.recv().await {
                Ok(price) => return Some(price),
                Err(RecvError::Lagged(count)) => lost.set(lost.get() + count),
                Err(RecvError::Closed) => return None,
            }
        }
    });
    let (exchange, fast) = (spawn(exchange), spawn(fast));
    slow.await;
    let _ = tokio::join!(exchange, fast);
    println!("  the slow one was told of {} lost", lost.get());
}

/// One place for all: the latest price.
async fn latest() {
    let nothing = Price {
        number: 0,
        made: Instant::now(),
    };
    let (sender, mut for_fast) = watch::channel(nothing);
    let mut for_slow = sender.subscribe();
    let exchange = exchange(async move |price: Price| {
        sender.send_replace(price);
    });
    let fast = reader("fast", FAST, async move || newest(&mut for_fast).await);
    let slow = reader("slow", SLOW, async || newest(&mut for_slow).await);
    let (exchange, fast) = (spawn(exchange), spawn(fast));
    slow.await;
    let _ = tokio::join!(exchange, fast);
}

/// Waits until there is a price that this reader has not seen.
async fn newest(prices: &mut watch::Receiver<Price>) -> Option<Price> {
    // An error means that the sender is gone *and* its last value was seen.
    prices.changed().await.ok()?;
    Some(*prices.borrow_and_update())
}

fn seconds_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage = Stage::new("One exchange, a fast reader and a slow one: what to put between them.")
        .package("market")
        .arguments(
            "WAY...",
            "unbounded, bounded, ring, latest (default: all of them)",
        )
        .begin()
        .await;
    let all = ["unbounded", "bounded", "ring", "latest"];
    let mut ways: Vec<&str> = stage.positional().iter().map(String::as_str).collect();
    if ways.is_empty() {
        ways = all.to_vec();
    }
    if let Some(way) = ways.iter().find(|way| !all.contains(way)) {
        stage.usage_error(format_args!(
            "there is no {way}; it takes {}",
            all.join(", ")
        ));
    }
    for way in ways {
        println!("{way}");
        stage.scene(way);
        match way {
            "unbounded" => unbounded().await,
            "bounded" => bounded().await,
            "ring" => ring().await,
            _ => latest().await,
        }
    }
    stage.finish()
}
