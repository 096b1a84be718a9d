//! A library call that blocks, on either clock.

use std::sync::mpsc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, advance};

/// A library that knows nothing of async.
#[derive(Clone)]
pub(crate) struct Library {
    /// Under `--instant`.
    paused: Option<Paused>,
}

#[derive(Clone)]
struct Paused {
    runtime: ThreadId,
    clockwork: UnboundedSender<Call>,
}

/// Of a thread that is not the runtime's. Dropped when its time is over.
struct Call {
    time: Duration,
    _over: mpsc::Sender<()>,
}

impl Library {
    /// A library whose calls take real time.
    pub(crate) fn new() -> Self {
        Self { paused: None }
    }

    /// A library whose calls take the time of this runtime's paused clock.
    pub(crate) fn paused() -> Self {
        let (clockwork, calls) = unbounded_channel();
        tokio::spawn(turn(calls));
        let runtime = thread::current().id();
        let paused = Some(Paused { runtime, clockwork });
        Self { paused }
    }

    /// Blocks the thread that calls it for `time`.
    pub(crate) fn call(&self, time: Duration) {
        match &self.paused {
            None => {
                #[expect(clippy::disallowed_methods, reason = "this is the call that blocks")]
                thread::sleep(time);
            }
            // To a runtime, this is what a sleep of its thread is: the clock has moved, and nobody
            // had a turn. `advance` moves it in its first poll and gives way after that, so it is
            // polled once.
            Some(paused) if paused.runtime == thread::current().id() => {
                let _ = advance(time).now_or_never();
            }
            Some(paused) => {
                let (over, wait) = mpsc::channel();
                let call = Call { time, _over: over };
                if paused.clockwork.send(call).is_ok() {
                    let _ = wait.recv();
                }
            }
        }
    }
}

/// tokio stops the paused clock while a job of `spawn_blocking` runs, so somebody has to turn it by
/// hand. A millisecond at a time, because that is how exactly tokio's timers go off.
async fn turn(mut calls: UnboundedReceiver<Call>) {
    while let Some(call) = calls.recv().await {
        let end = Instant::now() + call.time;
        while Instant::now() < end {
            advance(Duration::from_millis(1)).await;
        }
    }
}
