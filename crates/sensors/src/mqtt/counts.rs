//! What the bridge has done, for whoever shows it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Counted while the bridge runs.
#[derive(Debug, Default)]
pub struct Counts {
    pub(super) connected: AtomicBool,
    pub(super) connections: AtomicU64,
    pub(super) published: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) commands: AtomicU64,
}

/// The [`Counts`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Whether there is a connection to the broker.
    pub connected: bool,
    /// How many connections there have been.
    pub connections: u64,
    /// Readings that went to the broker. Whether it has got them, at most once does not say.
    pub published: u64,
    /// Readings, and answers to commands, that did not: there was no connection, or no room.
    pub dropped: u64,
    /// Commands that came.
    pub commands: u64,
}

impl Counts {
    /// How they stand now.
    #[must_use]
    pub fn get(&self) -> Numbers {
        Numbers {
            connected: self.connected.load(Relaxed),
            connections: self.connections.load(Relaxed),
            published: self.published.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            commands: self.commands.load(Relaxed),
        }
    }

    pub(super) fn add(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Relaxed);
    }
}
