//! All devices: the handle that everybody else uses.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::connection::attend;
use crate::counters::Counters;
use crate::device::{Device, Order, Outgoing, Session};
use crate::event::{Event, Why};
use crate::handshake::turn_away;
use crate::registry::{Full, Registry};
use crate::snapshot::{Snapshot, Totals};
use crate::wire::{Ack, Command};

/// What is allowed, and how long.
#[derive(Clone, Debug)]
pub struct Options {
    /// What a new device is told: send a reading every so often.
    pub every: Duration,
    /// A device is offline when nothing comes for this many of its intervals.
    pub missed: u32,
    /// How long a connection may take to say who it is.
    pub hello_within: Duration,
    /// How long a command may take, from the call to the answer of the device.
    pub command_within: Duration,
    /// How long one line may take to be written. It takes long when a device does not read.
    pub write_within: Duration,
    /// How many commands may wait for one device; so many more may wait for its answer.
    pub commands: usize,
    /// How many readings a second one device may send, and how many at once after a pause. When it
    /// sends more, each one that counts is followed by one that is dropped, and no more are read.
    pub rate: u32,
    /// How many connections may be open.
    pub max_connections: usize,
    /// How many devices are remembered, those that are offline included.
    pub max_devices: usize,
    /// How many events wait for a listener that is slow. What it misses it is told by
    /// [`broadcast::error::RecvError::Lagged`].
    pub events: usize,
    /// How often [`Event::Summary`] comes.
    pub summary_every: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(1),
            missed: 3,
            hello_within: Duration::from_secs(5),
            command_within: Duration::from_secs(5),
            write_within: Duration::from_secs(5),
            commands: 16,
            rate: 50,
            max_connections: 10_000,
            max_devices: 20_000,
            events: 8192,
            summary_every: Duration::from_secs(1),
        }
    }
}

/// Why a command was not answered. [`Display`](std::fmt::Display) says it in one sentence.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommandError {
    /// No such device is connected.
    #[error("the device is offline")]
    Offline,
    /// Too many commands wait for it.
    #[error("too many commands wait for the device")]
    Busy,
    /// Its connection ended before the answer came. It may have done it or not.
    #[error("the connection of the device ended before it answered")]
    Disconnected,
    /// No answer came in time. It may have done it or not.
    #[error("the device did not answer within {} s", .0.as_secs_f64())]
    Unanswered(Duration),
    /// Nothing that a device can do.
    #[error("{0}")]
    Invalid(String),
}

/// The gateway: a handle to be cloned. All clones are the same gateway.
#[derive(Clone, Debug)]
pub struct Gateway {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: Options,
    start: Instant,
    registry: Mutex<Registry>,
    counters: Counters,
    events: broadcast::Sender<Arc<Event>>,
    slots: Semaphore,
    sessions: AtomicU64,
    stopping: CancellationToken,
    stopped: CancellationToken,
}

impl Gateway {
    /// A gateway that knows no device yet.
    ///
    /// # Panics
    ///
    /// If `options.events` or `options.commands` is 0, because tokio's channels do not take that.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let shared = Shared {
            start: Instant::now(),
            registry: Mutex::new(Registry::new(options.max_devices)),
            counters: Counters::default(),
            events: broadcast::Sender::new(options.events),
            slots: Semaphore::new(options.max_connections),
            sessions: AtomicU64::new(0),
            stopping: CancellationToken::new(),
            stopped: CancellationToken::new(),
            options,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Everything that happens from now on. A listener that is slow misses the oldest events, and
    /// slows down nobody.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.shared.events.subscribe()
    }

    /// Sends a command to a device, and waits for its answer. That may be that it refuses: see
    /// [`Ack::ok`].
    ///
    /// # Errors
    ///
    /// At once if the device is offline, has too many commands already, or if there is no such
    /// command; later if no answer comes.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the command is sent, it takes the command back. Dropped later, the answer is
    /// ignored.
    pub async fn command(&self, device: &str, command: Command) -> Result<Ack, CommandError> {
        if let Command::SetInterval { seconds } = command
            && !(0.1..=3600.0).contains(&seconds)
        {
            let why = "set_interval takes from 0.1 to 3600 seconds".to_owned();
            return Err(CommandError::Invalid(why));
        }
        let (reply, answer) = oneshot::channel();
        let order = Outgoing::Order(Order { command, reply });
        // `try_send` instead of `send`: nobody waits behind a device that does not read.
        self.outbox(device)?
            .try_send(order)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => CommandError::Busy,
                mpsc::error::TrySendError::Closed(_) => CommandError::Offline,
            })?;
        let within = self.options().command_within;
        match timeout(within, answer).await {
            Ok(Ok(answer)) => answer,
            // The order was dropped with its connection.
            Ok(Err(_)) => Err(CommandError::Disconnected),
            Err(_) => Err(CommandError::Unanswered(within)),
        }
    }

    fn outbox(&self, device: &str) -> Result<mpsc::Sender<Outgoing>, CommandError> {
        let registry = self.registry();
        let state = registry.get(device).ok_or(CommandError::Offline)?.lock();
        let session = state.session.as_ref().ok_or(CommandError::Offline)?;
        Ok(session.outbox.clone())
    }

    /// How everything stands.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        // The lock of all devices is held for as long as it takes to copy the pointers.
        let mut devices: Vec<Arc<Device>> = self.registry().all().cloned().collect();
        devices.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        let uptime = self.uptime();
        Snapshot {
            totals: self.totals(),
            devices: devices.iter().map(|device| device.status(uptime)).collect(),
        }
    }

    /// The sums over all devices: cheaper than a snapshot.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let (online, known) = {
            let registry = self.registry();
            (registry.online() as u64, registry.known() as u64)
        };
        let free = self.shared.slots.available_permits();
        let connections = self.options().max_connections.saturating_sub(free) as u64;
        self.counters().totals(connections, online, known)
    }

    /// How long there has been a gateway.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.shared.start.elapsed()
    }

    /// Serves one connection until it ends, over whatever carries bytes. It ends when the device
    /// closes it or misbehaves, when a newer one takes over, and when the gateway stops.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it closes the connection without a word; the device is then offline.
    pub async fn attend(&self, io: impl AsyncRead + AsyncWrite + Unpin + Send) {
        self.counters().accepted.add_one();
        // Held until the end: as many slots as connections.
        if let Ok(_slot) = self.shared.slots.try_acquire() {
            attend(self, io).await;
        } else {
            self.counters().refused.add_one();
            turn_away(io, "the gateway is full").await;
        }
    }

    /// Ends all connections, each with a word. [`serve`](crate::serve) does it when its `shutdown` completes.
    pub fn stop(&self) {
        self.shared.stopping.cancel();
    }

    /// Completes when [`serve`](crate::serve) has ended all connections.
    pub async fn stopped(&self) {
        self.shared.stopped.cancelled().await;
    }

    pub(crate) fn has_stopped(&self) {
        self.shared.stopped.cancel();
    }

    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.shared.stopping
    }

    pub(crate) fn options(&self) -> &Options {
        &self.shared.options
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Tells whoever listens. Nobody may, which is no error.
    pub(crate) fn tell(&self, event: Event) {
        if self.shared.events.receiver_count() > 0 {
            let _ = self.shared.events.send(Arc::new(event));
        }
    }

    /// A connection has said that it is this device.
    pub(crate) fn enter(
        &self,
        id: &str,
        outbox: mpsc::Sender<Outgoing>,
    ) -> Result<Attendance, Full> {
        let number = self.shared.sessions.fetch_add(1, Relaxed);
        let closing = self.stopping().child_token();
        let session = Session {
            number,
            outbox,
            closing: closing.clone(),
        };
        // Told under the lock: otherwise a device that comes and goes could be told as offline, then
        // as online, and be taken for online ever after.
        let mut registry = self.registry();
        let every = self.options().every;
        let (device, before) = registry.enter(id, every, session)?;
        let id = Arc::clone(&device.id);
        if let Some(before) = before {
            before.closing.cancel();
            self.tell(Event::Replaced { device: id });
        } else {
            let every = device.lock().every.as_secs_f64();
            self.tell(Event::Online { device: id, every });
        }
        drop(registry);
        Ok(Attendance {
            gateway: self.clone(),
            device,
            number,
            closing,
            why: Why::Dropped,
        })
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        let registry = self.shared.registry.lock();
        registry.unwrap_or_else(PoisonError::into_inner)
    }
}

/// As long as it lives, a device is online by this connection.
///
/// Its `Drop` does what must not be forgotten, whichever way a connection ends: that its task
/// panics or is aborted is one, too.
#[derive(Debug)]
pub(crate) struct Attendance {
    gateway: Gateway,
    pub(crate) device: Arc<Device>,
    number: u64,
    pub(crate) closing: CancellationToken,
    pub(crate) why: Why,
}

impl Drop for Attendance {
    fn drop(&mut self) {
        let mut registry = self.gateway.registry();
        if registry.leave(&self.device, self.number) {
            let mut state = self.device.lock();
            state.silent += u64::from(matches!(self.why, Why::Silent(_)));
            state.why = Some(self.why.clone());
            drop(state);
            self.gateway.counters().offline.add_one();
            self.gateway.tell(Event::Offline {
                device: Arc::clone(&self.device.id),
                why: self.why.clone(),
            });
        }
    }
}
