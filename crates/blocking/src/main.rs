//! A call that blocks stops every task of its thread, and where such a call belongs instead.
//!
//! You will see a heartbeat that should tick every 100 ms, and what four neighbours do to it. Then,
//! by name: which calls block, what a thread of the pool costs, how a computation gets to the other
//! processors and back, a lock that stops a thread for ever, what several threads save you from and
//! what not, and a watchdog that names the culprit.
//!
//! ```console
//! $ cargo run -p blocking
//! $ cargo run -p blocking -- kinds library
//! ```
//!
//! In Python: `time.sleep` in a coroutine, `asyncio.to_thread`, `loop.run_in_executor`,
//! `ProcessPoolExecutor`, `asyncio.sleep(0)`, and asyncio's debug mode.

mod calls;
mod locks;
mod pool;
mod slow;
mod threads;
mod work;

use std::process::ExitCode;
use std::time::Duration;

use common::{Stage, Trace as _};
use tokio::runtime::Builder;
use tokio::task::{JoinError, spawn_blocking, yield_now};
use tokio::time::{Instant, sleep, sleep_until};

use slow::Library;

/// From one tick to the next.
const BEAT: Duration = Duration::from_millis(100);

/// How long the library takes to answer.
const TIME: Duration = Duration::from_millis(330);

/// Six ticks, and how late each of them is.
async fn heartbeat() {
    for tick in 1..=6 {
        let due = Instant::now() + BEAT;
        sleep_until(due).await;
        println!("  tick {tick}: {:.1} s late", due.elapsed().as_secs_f64());
    }
}

/// The library has an async version.
async fn awaits() {
    sleep(TIME).await;
}

/// It has none, and is called all the same.
#[expect(
    clippy::unused_async,
    reason = "this is the mistake, and clippy has seen it"
)]
async fn blocks(library: Library) {
    library.call(TIME);
}

/// The call blocks a thread that has nothing else to do.
async fn asks_a_thread(library: Library) -> Result<(), JoinError> {
    spawn_blocking(move || library.call(TIME)).await
}

/// It takes as long, but lets the others have a turn every 10 ms. Not every call can be cut up.
async fn in_pieces(library: Library) {
    for _ in 0..33 {
        library.call(TIME / 33);
        yield_now().await;
    }
}

/// Runs a neighbour beside the heartbeat: two tasks, one thread.
async fn beside<T>(call: &str, neighbour: impl Future<Output = T>) -> Result<T, JoinError> {
    let beats = tokio::spawn(heartbeat().traced("heartbeat()"));
    sleep(BEAT * 5 / 2).await;
    println!("  the neighbour begins");
    let output = neighbour.traced(call).await;
    println!("  the neighbour is done");
    beats.await?;
    Ok(output)
}

async fn heartbeats(stage: &Stage) -> Result<(), JoinError> {
    let library = if stage.instant() {
        Library::paused()
    } else {
        Library::new()
    };
    begin(stage, "a neighbour that awaits");
    beside("awaits()", awaits()).await?;
    begin(stage, "a neighbour that blocks");
    beside("blocks()", blocks(library.clone())).await?;
    begin(stage, "on a thread of its own");
    beside("asks_a_thread()", asks_a_thread(library.clone())).await??;
    begin(stage, "in small pieces");
    beside("in_pieces()", in_pieces(library)).await
}

fn begin(stage: &Stage, scene: &str) {
    println!("{scene}");
    stage.scene(scene);
}

const PARTS: [&str; 11] = [
    "heartbeat",
    "kinds",
    "library",
    "pool",
    "shutdown",
    "cpu",
    "speed",
    "budget",
    "lock",
    "threads",
    "watchdog",
];

fn run(part: &str, stage: &Stage) -> anyhow::Result<()> {
    match part {
        "kinds" => calls::kinds()?,
        "library" => calls::library()?,
        "pool" => pool::pool()?,
        "shutdown" => pool::shutdown()?,
        "cpu" => work::cpu()?,
        "speed" => work::speed()?,
        "budget" => work::budget()?,
        "lock" => locks::lock()?,
        "threads" => threads::threads(stage)?,
        _ => locks::watchdog()?,
    }
    Ok(())
}

fn main() -> ExitCode {
    // One thread, like asyncio's event loop.
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("blocking: cannot start a runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let stage = runtime.block_on(
        Stage::new("A call that blocks stops every task of its thread. Where it belongs instead.")
            .arguments(
                "PART...",
                "heartbeat, kinds, library, pool, shutdown, cpu, speed, budget, lock, threads, \
                 watchdog (default: heartbeat; only that one knows virtual time)",
            )
            .begin(),
    );
    let wanted = stage.positional();
    if let Some(part) = wanted.iter().find(|part| !PARTS.contains(&part.as_str())) {
        stage.usage_error(format_args!("there is no part {part:?}; see --help"));
    }
    if stage.instant() && wanted.iter().any(|part| part == "threads") {
        stage.usage_error("threads takes real time: leave out --instant");
    }
    let wanted = if wanted.is_empty() {
        &["heartbeat".to_owned()]
    } else {
        wanted
    };
    for part in wanted {
        println!("-- {part}");
        let result = if part == "heartbeat" {
            runtime.block_on(heartbeats(&stage)).map_err(Into::into)
        } else {
            run(part, &stage)
        };
        if let Err(error) = result {
            eprintln!("blocking: {part}: {error:#}");
            return ExitCode::FAILURE;
        }
    }
    stage.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::timeline::{self, Recording, What};

    fn milliseconds(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// When the heartbeat, which is the first row, had the thread.
    fn beats(recording: &Recording) -> Vec<Duration> {
        let events = recording.events.iter();
        let polls = events.filter(|event| matches!(event.what, What::Poll { task: 0, .. }));
        polls.map(|event| event.at).collect()
    }

    // The clock is paused, and a blocking call moves it: see `slow`.
    #[tokio::test(start_paused = true)]
    async fn a_neighbour_that_awaits_disturbs_nobody() {
        let (output, recording) = timeline::record(beside("awaits()", awaits())).await;
        output.unwrap();
        let expected = [0, 100, 200, 300, 400, 500, 600].map(milliseconds);
        assert_eq!(beats(&recording), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_neighbour_that_blocks_stops_the_heartbeat() {
        let neighbour = blocks(Library::paused());
        let (output, recording) = timeline::record(beside("blocks()", neighbour)).await;
        output.unwrap();
        let expected = [0, 100, 200, 580, 680, 780, 880].map(milliseconds);
        assert_eq!(beats(&recording), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn while_it_blocks_nobody_looks_at_the_timers_either() {
        let neighbour = blocks(Library::paused());
        let (_, recording) = timeline::record(beside("blocks()", neighbour)).await;
        let wakes = recording.events.iter();
        let mut wakes = wakes.filter(|event| matches!(event.what, What::Woken { task: 0, .. }));
        // Due after 300 ms.
        assert_eq!(wakes.nth(2).map(|event| event.at), Some(milliseconds(580)));
    }

    #[tokio::test(start_paused = true)]
    async fn on_a_thread_of_its_own_the_call_disturbs_nobody() {
        let neighbour = asks_a_thread(Library::paused());
        let (output, recording) = timeline::record(beside("asks_a_thread()", neighbour)).await;
        output.unwrap().unwrap();
        let expected = [0, 100, 200, 300, 400, 500, 600].map(milliseconds);
        assert_eq!(beats(&recording), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn in_pieces_no_tick_is_later_than_a_piece_is_long() {
        let neighbour = in_pieces(Library::paused());
        let (output, recording) = timeline::record(beside("in_pieces()", neighbour)).await;
        output.unwrap();
        let beats = beats(&recording);
        assert_eq!(beats.len(), 7);
        let latest = beats.windows(2).map(|two| two[1] - two[0]).max().unwrap();
        assert!(
            latest > BEAT && latest <= BEAT + milliseconds(10),
            "{latest:?}"
        );
    }
}
