//! How everything stands at one moment.

use std::sync::Arc;

use serde::Serialize;

use crate::window::{BUCKETS, Summary};

/// How everything stands at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    /// Counted over all devices, also those that are forgotten by now.
    pub totals: Totals,
    /// Those that are online, and those that were, in the order of their ids.
    pub devices: Vec<DeviceStatus>,
}

impl Snapshot {
    /// The status of one device.
    #[must_use]
    pub fn device(&self, id: &str) -> Option<&DeviceStatus> {
        let found = self.devices.binary_search_by(|device| (*device.id).cmp(id));
        found.ok().map(|index| &self.devices[index])
    }
}

/// Counted since the gateway began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Connections that are open, those without a hello too.
    pub connections: u64,
    /// Devices that are online.
    pub online: u64,
    /// Devices that are remembered, online or not.
    pub known: u64,
    /// Connections that came.
    pub accepted: u64,
    /// Connections that were turned away, because there are too many or because no hello came.
    pub refused: u64,
    /// Readings that count: those of a bad clock are not among them.
    pub readings: u64,
    /// Readings of a device whose clock is more than a minute off.
    pub bad_clock: u64,
    /// Readings that were dropped, because their device sent too many.
    pub dropped: u64,
    /// Lines that were none of the protocol.
    pub bad_lines: u64,
    /// How often a device went offline.
    pub offline: u64,
    /// Commands that were written to a device.
    pub commands: u64,
    /// Acknowledgements that came in time.
    pub acks: u64,
}

/// How one device fares. The counts are those of all its connections.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceStatus {
    /// What it calls itself.
    pub id: Arc<str>,
    /// Whether it is connected.
    pub online: bool,
    /// The interval that it has, in seconds.
    pub every: f64,
    /// How often it has said hello.
    pub connections: u64,
    /// How often its connection has ended.
    pub offline: u64,
    /// How often of these nothing had come for too long.
    pub silent: u64,
    /// How it ended the last time.
    pub why: Option<String>,
    /// Seconds since its last line, while it is online.
    pub quiet: Option<f64>,
    /// Readings that count.
    pub readings: u64,
    /// Readings with a clock that is more than a minute off.
    pub bad_clock: u64,
    /// Readings that were dropped, because it sent too many.
    pub dropped: u64,
    /// Lines that were none of the protocol.
    pub bad_lines: u64,
    /// What it measured within the last minute, by kind, in the order in which the kinds came.
    pub kinds: Vec<KindStatus>,
}

/// What a device has measured of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct KindStatus {
    /// Such as `temperature`.
    pub kind: Arc<str>,
    /// The latest value.
    pub last: f64,
    /// Over the last minute; `None` if there is nothing.
    pub minute: Option<Summary>,
    /// The mean of each five seconds of that minute, the oldest first.
    pub means: [Option<f64>; BUCKETS],
}
