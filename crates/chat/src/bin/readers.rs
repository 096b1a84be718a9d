//! One slow reader in a room: four ways to say something to everyone.
//!
//! You will see that a loop of sends makes all as slow as the slowest, that sending to all at once
//! does not help, that a lock held over the sends closes the door too, and what does help.
//!
//! ```console
//! $ cargo run -p chat --bin readers
//! $ cargo run -p chat --bin readers -- loop queue
//! ```
//!
//! In Python: `readers.py`. There is no network here: a connection is a channel with room for two
//! messages, as the buffers of a system have room for some kilobytes.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use common::{Stage, Trace as _};
use futures::future::join_all;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex, broadcast, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

type Connection = mpsc::Sender<String>;

/// Seconds since this way began.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }

    async fn until(self, seconds: f64) {
        sleep_until(self.0 + Duration::from_secs_f64(seconds)).await;
    }
}

/// Somebody who reads: a connection, and what comes out of it. After the first message, no reading
/// for `pause`: the train is in a tunnel.
///
/// What it has read, and when, is a line at the end.
fn reader(name: &'static str, pause: f64, clock: Clock) -> (Connection, JoinHandle<String>) {
    let (connection, mut messages) = mpsc::channel::<String>(2);
    let reads = async move {
        let mut line = format!("{name}:");
        while let Some(message) = messages.recv().await {
            let is_first = line.ends_with(':');
            line += &format!(" {message} at {:.1},", clock.seconds());
            if is_first {
                sleep(Duration::from_secs_f64(pause)).await;
            }
        }
        line.trim_end_matches(',').to_owned()
    };
    (
        connection,
        tokio::spawn(reads.traced(format!("read({name})"))),
    )
}

async fn print(reads: impl IntoIterator<Item = JoinHandle<String>>) {
    for line in join_all(reads).await.into_iter().flatten() {
        println!("{line}");
    }
}

/// Each waits for the one before.
async fn in_a_loop(message: u32, room: &[Connection]) {
    for connection in room {
        // An error means that this reader has left.
        let _ = connection.send(message.to_string()).await;
    }
}

/// All at once, and then wait for all: `gather`.
async fn together(message: u32, room: &[Connection]) {
    let sends = room
        .iter()
        .map(|connection| connection.send(message.to_string()));
    join_all(sends).await;
}

async fn fixed_room(way: &str) {
    let clock = Clock(Instant::now());
    let (ada, ada_reads) = reader("Ada", 0.0, clock);
    let (bob, bob_reads) = reader("Bob", 3.8, clock);
    let (eve, eve_reads) = reader("Eve", 0.0, clock);
    let room = [ada, bob, eve];
    for message in 1..=10 {
        clock.until(f64::from(message) / 2.0).await;
        let row = format!("say({message})");
        match way {
            "loop" => in_a_loop(message, &room).traced(row).await,
            _ => together(message, &room).traced(row).await,
        }
    }
    drop(room);
    print([ada_reads, bob_reads, eve_reads]).await;
}

/// The room is behind a lock, as it must be when people come and go. It is held over the sends.
async fn behind_a_lock() {
    let clock = Clock(Instant::now());
    let (ada, ada_reads) = reader("Ada", 0.0, clock);
    let (bob, bob_reads) = reader("Bob", 3.8, clock);
    let room = Arc::new(Mutex::new(vec![ada, bob]));
    let door = tokio::spawn({
        let room = Arc::clone(&room);
        async move {
            clock.until(2.2).await;
            let (eve, eve_reads) = reader("Eve", 0.0, clock);
            let join = async { room.lock().await.push(eve) };
            join.traced("join(Eve)").await;
            println!("Eve wants in at 2.2, and is in at {:.1}", clock.seconds());
            eve_reads.await.unwrap_or_default()
        }
    });
    for message in 1..=10 {
        clock.until(f64::from(message) / 2.0).await;
        let say = async { together(message, &room.lock().await).await };
        say.traced(format!("say({message})")).await;
    }
    room.lock().await.clear();
    print([ada_reads, bob_reads, door]).await;
}

/// Says and goes on: the messages lie in a ring, and a task of each connection takes them from there
/// when its reader has taken the last one.
async fn with_a_queue() {
    let clock = Clock(Instant::now());
    let (room, _) = broadcast::channel::<u32>(2);
    let enter = |name, pause| {
        let (connection, reads) = reader(name, pause, clock);
        tokio::spawn(forward(room.subscribe(), connection));
        reads
    };
    let mut reads = vec![enter("Ada", 0.0), enter("Bob", 3.8)];
    for message in 1..=10 {
        if message == 5 {
            clock.until(2.2).await;
            reads.push(enter("Eve", 0.0));
            println!("Eve wants in at 2.2, and is in at {:.1}", clock.seconds());
        }
        clock.until(f64::from(message) / 2.0).await;
        let say = async { room.send(message) }; // it does not wait
        let _ = say.traced(format!("say({message})")).await;
    }
    drop(room);
    print(reads).await;
}

async fn forward(mut room: broadcast::Receiver<u32>, connection: Connection) {
    loop {
        let message = match room.recv().await {
            Ok(message) => message.to_string(),
            // Not an end: the reader is told, and goes on with the oldest that is left.
            Err(RecvError::Lagged(missed)) => format!("(missed {missed})"),
            Err(RecvError::Closed) => return,
        };
        if connection.send(message).await.is_err() {
            return;
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage = Stage::new("One slow reader in a room: four ways to say something to everyone.")
        .arguments("[loop | gather | lock | queue]...", "which (default all)")
        .package("chat")
        .begin()
        .await;
    let ways = ["loop", "gather", "lock", "queue"];
    for word in stage.positional() {
        if !ways.contains(&word.as_str()) {
            stage.usage_error(format_args!("there is no {word}: say {}", ways.join(", ")));
        }
    }
    for way in ways {
        if !stage.positional().is_empty() && !stage.positional().iter().any(|word| word == way) {
            continue;
        }
        stage.scene(way);
        println!("-- {way}");
        match way {
            "lock" => behind_a_lock().await,
            "queue" => with_a_queue().await,
            _ => fixed_room(way).await,
        }
    }
    stage.finish()
}
