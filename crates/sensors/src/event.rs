//! What happens at the gateway, told to whoever wants to know.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::snapshot::Totals;

/// Something that has happened. Those of one device come in the order in which they happened.
///
/// As JSON: `{"event":"reading","device":"pump-17","kind":"temperature","value":21.5,…}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A device that was offline, or never heard of, has said hello.
    Online {
        /// Which device.
        device: Arc<str>,
        /// The interval that the gateway has told it, in seconds.
        every: f64,
    },
    /// A device said hello on a second connection, and the first one is closed. It stays online.
    Replaced {
        /// Which device.
        device: Arc<str>,
    },
    /// The connection of a device has ended.
    Offline {
        /// Which device.
        device: Arc<str>,
        /// How it has ended.
        why: Why,
    },
    /// A device has measured something.
    Reading {
        /// Which device.
        device: Arc<str>,
        /// What it has measured: 1 to 32 of `a`–`z`, `0`–`9`, `-` and `_`.
        kind: Arc<str>,
        /// Finite.
        value: f64,
        /// The device's clock, in milliseconds since 1970.
        at: i64,
        /// Whether that clock is more than a minute off. Such readings are in no window.
        bad_clock: bool,
    },
    /// A device has sent what is no line of the protocol. It was told the same.
    BadLine {
        /// Which device.
        device: Arc<str>,
        /// What is wrong with the line, in one sentence. May quote up to 200 characters of it.
        error: String,
    },
    /// A device sends more than it may. Told once, not for each reading that is dropped.
    Flooding {
        /// Which device.
        device: Arc<str>,
        /// How many readings a second it may send.
        limit: u32,
    },
    /// No connection can be taken at present, mostly because the process may open no more files.
    CannotAccept {
        /// What the system says.
        error: String,
    },
    /// How everything stands. Comes once in [`Options::summary_every`](crate::Options).
    Summary {
        /// Counted since the gateway began.
        totals: Totals,
    },
}

impl Event {
    /// The device that it is about, if it is about one.
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        match self {
            Self::Online { device, .. }
            | Self::Replaced { device }
            | Self::Offline { device, .. }
            | Self::Reading { device, .. }
            | Self::BadLine { device, .. }
            | Self::Flooding { device, .. } => Some(device),
            Self::CannotAccept { .. } | Self::Summary { .. } => None,
        }
    }
}

/// How a connection has ended. [`Display`](fmt::Display) says it in a few words.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// The device has closed it.
    Closed,
    /// Nothing came for so long: three times the interval of the device.
    Silent(Duration),
    /// It reads nothing: what the gateway wrote could not be sent for so long.
    NotReading(Duration),
    /// Too many lines that are none of the protocol.
    BadLines(&'static str),
    /// The device said hello on a newer connection.
    Replaced,
    /// The gateway stops.
    Stopping,
    /// The system says that the connection is broken.
    Broken(String),
    /// The gateway has dropped it: the task of this connection was aborted, or has panicked.
    Dropped,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => write!(f, "it closed the connection"),
            Self::Silent(time) => write!(f, "nothing heard for {} s", time.as_secs_f64()),
            Self::NotReading(time) => write!(f, "it read nothing for {} s", time.as_secs_f64()),
            Self::BadLines(how) => write!(f, "{how}"),
            Self::Replaced => write!(f, "it said hello on a newer connection"),
            Self::Stopping => write!(f, "the gateway stops"),
            Self::Broken(error) => write!(f, "the connection broke: {error}"),
            Self::Dropped => write!(f, "the gateway dropped the connection"),
        }
    }
}

impl Serialize for Why {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
