//! Handlers that misbehave, for both servers, so that one can see what becomes of it.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;
use tokio::time::sleep;

/// What became of the handlers that waited.
#[derive(Debug, Default)]
pub struct Seen {
    begun: AtomicU32,
    finished: AtomicU32,
    dropped: AtomicU32,
}

/// The counts of [`Seen`], as they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    begun: u32,
    finished: u32,
    dropped: u32,
}

impl Seen {
    /// The counts so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            begun: self.begun.load(Relaxed),
            finished: self.finished.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
        }
    }

    /// Waits a moment, as a handler does that asks a database.
    ///
    /// If this is dropped before its end, it is counted as dropped.
    pub async fn wait(&self) {
        self.begun.fetch_add(1, Relaxed);
        let unless_finished = CountDrop(&self.dropped);
        sleep(Duration::from_millis(400)).await;
        std::mem::forget(unless_finished);
        self.finished.fetch_add(1, Relaxed);
    }
}

struct CountDrop<'a>(&'a AtomicU32);

impl Drop for CountDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Takes a minute, longer than any time limit.
pub async fn slow() {
    sleep(Duration::from_mins(1)).await;
}

/// Has a bug.
///
/// # Panics
///
/// Always.
pub fn panics() {
    panic!("a bug in a handler");
}
