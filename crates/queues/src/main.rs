//! Producers and consumers: channels in the place of `asyncio.Queue`.
//!
//! You will see a producer that waits because the consumer is slow, how a channel ends (and a
//! program that never ends because of one clone too many), what becomes of an item that nobody
//! takes, many consumers at one queue, priorities, a queue that grows, and two queues that wait for
//! each other.
//!
//! ```console
//! $ cargo run -p queues
//! $ cargo run -p queues -- pressure closing
//! ```
//!
//! In Python: `asyncio.Queue`, `PriorityQueue`, `task_done` and `join`, and sentinels.

mod priority;
mod shapes;
mod traps;
mod workers;

use std::process::ExitCode;
use std::time::Duration;

use common::{Stage, Trace as _};
use tokio::sync::mpsc::error::{SendError, SendTimeoutError, TrySendError};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

/// The lesson counts in tenths of a second.
const TENTH: Duration = Duration::from_millis(100);

/// What the sensor measured, and when.
struct Reading {
    number: u32,
    made: Instant,
}

/// The producer. It could measure all at once; `send` makes it wait as long as the channel is full.
async fn sensor(readings: u32, tx: Sender<Reading>) {
    let start = Instant::now();
    for number in 1..=readings {
        let made = Instant::now();
        let row = tx.send(Reading { number, made });
        let row = row.traced(format!("send({number})"));
        if row.await.is_err() {
            return; // nobody will take any more
        }
        println!("{:.1} s: sent {number}", seconds_since(start));
    }
    // `tx` is dropped here. It was the only sender, so the loop of the consumer ends.
}

/// The consumer. It needs half a second for each.
async fn show(number: u32) {
    sleep(5 * TENTH).await;
    println!("       shown {number}");
}

/// A fast producer, a slow consumer, and between them a channel with room for `capacity`.
async fn pressure(capacity: usize) {
    let start = Instant::now();
    let (tx, mut rx) = mpsc::channel(capacity);
    // A task of its own: the sensor goes on while we wait for the screen.
    tokio::spawn(sensor(6, tx).traced("sensor(6)"));
    let mut oldest = 0.0_f64;
    while let Some(reading) = rx.recv().await {
        oldest = oldest.max(seconds_since(reading.made));
        let number = reading.number;
        show(number).traced(format_args!("show({number})")).await;
    }
    println!(
        "capacity {capacity}: all shown after {:.1} s, the oldest reading was {oldest:.1} s old",
        seconds_since(start)
    );
}

/// The channel is full. What now?
async fn full() {
    let (tx, mut rx) = mpsc::channel(1);
    if tx.send("first").await.is_err() {
        return;
    }
    println!("free: {} of {}", tx.capacity(), tx.max_capacity());

    // Do not wait. The item comes back in the error.
    if let Err(TrySendError::Full(item)) = tx.try_send("second") {
        println!("try_send: full, and {item:?} comes back");
    }

    // Wait, but not for long. The item comes back here too.
    let start = Instant::now();
    if let Err(SendTimeoutError::Timeout(item)) = tx.send_timeout("third", 3 * TENTH).await {
        let after = seconds_since(start);
        println!("send_timeout: {item:?} comes back after {after:.1} s");
    }

    // Wait with empty hands, and decide what to send when there is a place.
    let start = Instant::now();
    let later = async {
        sleep(4 * TENTH).await;
        rx.recv().await
    };
    let (place, taken) = tokio::join!(tx.reserve(), later);
    if let (Ok(place), Some(taken)) = (place, taken) {
        let after = seconds_since(start);
        println!("reserve: {taken:?} was taken, there is a place after {after:.1} s");
        place.send("the newest");
    }

    // Who waits, waits in line. A place that becomes free is given to the first in it.
    let waiting = tokio::spawn({
        let tx = tx.clone();
        async move { tx.send("patient").await }
    });
    yield_now().await; // now it waits
    if let Some(newest) = rx.recv().await {
        println!("received: {newest:?}");
    }
    let overtakes = tx.try_send("hasty").is_ok();
    println!("overtakes: {overtakes}");
    if let Some(next) = rx.recv().await {
        println!("next: {next:?}");
    }
    drop(waiting);
}

/// Three ways in which a channel ends.
async fn closing() {
    // The senders are gone. What is in the channel is still received, and then comes `None`.
    let (tx, mut rx) = mpsc::channel(4);
    for name in ["a", "b"] {
        let tx = tx.clone();
        tokio::spawn(async move {
            // Fails if the receiver is gone, which it is not.
            let _ = tx.send(name).await;
        });
    }
    drop(tx); // the clones have one each
    println!("senders gone: {:?}, then None", collect(&mut rx).await);

    // The receiver takes no more, but it takes what is there. A place that was reserved before is
    // still good, so `recv` waits until it has been used or given back.
    let (tx, mut rx) = mpsc::channel(4);
    let _ = tx.send("c").await;
    let place = tx.reserve().await;
    rx.close();
    if let Err(SendError(item)) = tx.send("d").await {
        println!("closed: {item:?} comes back");
    }
    if let Ok(place) = place {
        place.send("e");
    }
    println!("drained: {:?}", collect(&mut rx).await);

    // The receiver is gone, and what was in the channel with it.
    let (tx, rx) = mpsc::channel(4);
    let _ = tx.send("f").await;
    drop(rx);
    if let Err(SendError(item)) = tx.send("g").await {
        println!("receiver gone: {item:?} comes back, and the item in the channel does not");
    }
}

/// Everything that comes, until the channel ends.
async fn collect<T>(rx: &mut Receiver<T>) -> Vec<T> {
    let mut all = Vec::new();
    while let Some(item) = rx.recv().await {
        all.push(item);
    }
    all
}

/// One sender is left over, and the consumer waits for it.
async fn forgotten() {
    let (tx, mut rx) = mpsc::channel(4);
    for name in ["a", "b"] {
        let tx = tx.clone();
        tokio::spawn(async move {
            let _ = tx.send(name).await;
        });
    }
    // The mistake: `tx` lives on to the end of this function, which waits for the end of `tx`.
    let all = collect(&mut rx).traced("collect()");
    if timeout(10 * TENTH, all).await.is_err() {
        println!("stuck: given up after 1.0 s");
    }
    println!("senders that are left: {}", rx.sender_strong_count());
    drop(tx);
    let end = rx.recv().await;
    println!("after the drop: {end:?}");
}

fn seconds_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64()
}

const PARTS: [&str; 14] = [
    "pressure",
    "full",
    "closing",
    "forgotten",
    "cancel",
    "workers",
    "join",
    "priority",
    "unbounded",
    "broadcast",
    "watch",
    "stream",
    "cycle",
    "thread",
];

// One thread, like asyncio's event loop.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage = Stage::new("Producers and consumers: channels in the place of asyncio.Queue.")
        .arguments(
            "PART...",
            "pressure, full, closing, forgotten, cancel, workers, join, priority, unbounded, \
             broadcast, watch, stream, cycle, thread (default: all)",
        )
        .switch("--memory", "part unbounded: also measure the memory")
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
            "pressure" => {
                pressure(2).await;
                stage.scene("more_room");
                pressure(10).await;
            }
            "full" => full().await,
            "closing" => closing().await,
            "forgotten" => forgotten().await,
            "cancel" => traps::cancel().await,
            "workers" => workers::workers(&stage).await,
            "join" => workers::join().await,
            "priority" => priority::priority(&stage).await,
            "unbounded" => traps::unbounded(stage.is_on("--memory")).await,
            "broadcast" => shapes::broadcast().await,
            "watch" => shapes::watch().await,
            "stream" => shapes::stream().await,
            "cycle" => traps::cycle(&stage).await,
            _ => traps::thread().await,
        }
    }
    stage.finish()
}

#[cfg(test)]
mod tests;
