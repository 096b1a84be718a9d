//! What the gateway counts over all devices.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::snapshot::Totals;

/// A number that many connections raise at the same time, and that orders nothing between them.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// See [`Totals`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: Counter,
    pub(crate) refused: Counter,
    pub(crate) readings: Counter,
    pub(crate) bad_clock: Counter,
    pub(crate) dropped: Counter,
    pub(crate) bad_lines: Counter,
    pub(crate) offline: Counter,
    pub(crate) commands: Counter,
    pub(crate) acks: Counter,
}

impl Counters {
    /// All of them, and what somebody else has counted.
    pub(crate) fn totals(&self, connections: u64, online: u64, known: u64) -> Totals {
        Totals {
            connections,
            online,
            known,
            accepted: self.accepted.get(),
            refused: self.refused.get(),
            readings: self.readings.get(),
            bad_clock: self.bad_clock.get(),
            dropped: self.dropped.get(),
            bad_lines: self.bad_lines.get(),
            offline: self.offline.get(),
            commands: self.commands.get(),
            acks: self.acks.get(),
        }
    }
}
