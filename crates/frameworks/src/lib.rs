//! A small JSON service, "notes", in bare hyper and in axum, and the suite that judges both.
//!
//! The same [`suite`] also judges the Python twins of this lesson, and the services of the lesson
//! `database`.

use std::time::Duration;

pub mod bare;
pub mod notes;
pub mod percent;
pub mod probes;
pub mod suite;
pub mod with_axum;

/// How both servers are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long a handler may take.
    pub time_limit: Duration,
    /// How long a client may take to send the head of a request. Only in bare hyper: `axum::serve`
    /// has no such limit.
    pub patience: Duration,
    /// How long requests in flight may take to finish once the server has been asked to stop.
    pub grace: Duration,
    /// Whether there are routes to handlers that misbehave.
    pub probes: bool,
    /// Without everything that the lesson adds: what the library does by itself.
    pub defaults: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            time_limit: Duration::from_secs(10),
            patience: Duration::from_secs(10),
            grace: Duration::from_secs(10),
            probes: false,
            defaults: false,
        }
    }
}
