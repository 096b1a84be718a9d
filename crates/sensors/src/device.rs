//! What the gateway knows of one device. Its size is bounded, whatever the device sends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::event::Why;
use crate::gateway::CommandError;
use crate::snapshot::{DeviceStatus, KindStatus};
use crate::window::Window;
use crate::wire::{Ack, BadLine, Command};

/// A device measures few kinds of things. Without a bound, one that invents a kind for each reading
/// would fill the memory.
const MAX_KINDS: usize = 16;

/// Something that the gateway wants to send.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Line(String),
    Order(Order),
}

/// A command, and who waits for what becomes of it. Dropped, it tells that the connection has ended.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) command: Command,
    pub(crate) reply: oneshot::Sender<Result<Ack, CommandError>>,
}

/// The connection that speaks for a device at present.
#[derive(Debug)]
pub(crate) struct Session {
    /// No other connection has it.
    pub(crate) number: u64,
    /// What its writer sends. Bounded: a device that reads nothing must not fill the memory.
    pub(crate) outbox: mpsc::Sender<Outgoing>,
    /// Cancelled when a newer connection takes over, or when the gateway stops.
    pub(crate) closing: CancellationToken,
}

/// A device that has said hello at least once.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) id: Arc<str>,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    /// Kept when the device goes: when it comes back, it is told the same interval again.
    pub(crate) every: Duration,
    pub(crate) session: Option<Session>,
    /// Its place among those that are offline.
    pub(crate) offline_since: u64,
    pub(crate) connections: u64,
    pub(crate) offline: u64,
    pub(crate) silent: u64,
    pub(crate) why: Option<Why>,
    pub(crate) heard: Instant,
    pub(crate) readings: u64,
    pub(crate) bad_clock: u64,
    pub(crate) dropped: u64,
    pub(crate) bad_lines: u64,
    kinds: Vec<Kind>,
}

#[derive(Debug)]
struct Kind {
    name: Arc<str>,
    last: f64,
    window: Window,
}

impl Device {
    pub(crate) fn new(id: &str, every: Duration) -> Self {
        let state = State {
            every,
            session: None,
            offline_since: 0,
            connections: 0,
            offline: 0,
            silent: 0,
            why: None,
            heard: Instant::now(),
            readings: 0,
            bad_clock: 0,
            dropped: 0,
            bad_lines: 0,
            kinds: Vec::new(),
        };
        Self {
            id: id.into(),
            state: Mutex::new(state),
        }
    }

    /// Locked for a few assignments, never over an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it fares. `uptime` is the age of the gateway, by which its windows count.
    pub(crate) fn status(&self, uptime: Duration) -> DeviceStatus {
        let state = self.lock();
        let online = state.session.is_some();
        let kinds = state.kinds.iter().map(|kind| KindStatus {
            kind: Arc::clone(&kind.name),
            last: kind.last,
            minute: kind.window.summary(uptime),
            means: kind.window.means(uptime),
        });
        DeviceStatus {
            id: Arc::clone(&self.id),
            online,
            every: state.every.as_secs_f64(),
            connections: state.connections,
            offline: state.offline,
            silent: state.silent,
            why: state.why.as_ref().map(ToString::to_string),
            quiet: online.then(|| state.heard.elapsed().as_secs_f64()),
            readings: state.readings,
            bad_clock: state.bad_clock,
            dropped: state.dropped,
            bad_lines: state.bad_lines,
            kinds: kinds.collect(),
        }
    }
}

impl State {
    /// Adds a reading to its window. Returns the name of its kind, of which there is one copy.
    pub(crate) fn measured(
        &mut self,
        kind: &str,
        value: f64,
        bad_clock: bool,
        uptime: Duration,
    ) -> Result<Arc<str>, BadLine> {
        let known = self.kinds.iter().position(|known| *known.name == *kind);
        let index = match known {
            Some(index) => index,
            None if self.kinds.len() == MAX_KINDS => {
                let why = format!("a device measures at most {MAX_KINDS} kinds");
                return Err(BadLine::NotUnderstood(why));
            }
            None => {
                self.kinds.push(Kind {
                    name: kind.into(),
                    last: value,
                    window: Window::default(),
                });
                self.kinds.len() - 1
            }
        };
        let kind = &mut self.kinds[index];
        if bad_clock {
            self.bad_clock += 1;
        } else {
            self.readings += 1;
            kind.last = value;
            kind.window.add(uptime, value);
        }
        Ok(Arc::clone(&kind.name))
    }
}
