//! Devices that do not exist: any number of them, some with faults, all from one seed.
//!
//! Each device is a task that connects, sends its readings, does what it is told, and comes back
//! when its connection ends. What it counts itself is compared with what the gateway has counted.

mod device;
mod fault;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use common::Trace as _;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use fault::{Fault, Faults};

/// What such devices are called. The number behind it makes the id.
const TYPES: [&str; 5] = ["pump", "valve", "tank", "fan", "boiler"];
/// How many devices connect at the same time. More would overflow the gateway's queue of
/// connections that wait, and the system then lets them wait for a second or more.
const CONNECTING: usize = 512;
/// How many bytes the system keeps for a device that the gateway does not read.
const BUFFER: u32 = 16 * 1024;

/// Which devices there are.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many.
    pub devices: usize,
    /// How many have which fault.
    pub faults: Faults,
    /// The same seed makes the same devices, with the same readings.
    pub seed: u64,
    /// How long it takes until all of them have started.
    pub start_within: Duration,
    /// How long after its start a faulty device behaves well.
    pub good_for: Duration,
}

/// One device, before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What it calls itself.
    pub id: String,
    /// What is wrong with it.
    pub fault: Option<Fault>,
    /// When it starts.
    pub start_after: Duration,
    good_for: Duration,
    seed: u64,
}

/// What a device counts itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceReport {
    /// What it calls itself.
    pub id: String,
    /// What is wrong with it.
    pub fault: Option<Fault>,
    /// Readings that it has written.
    pub sent: u64,
    /// How often it was welcomed.
    pub connections: u64,
    /// Commands that came.
    pub commands: u64,
    /// Lines of the gateway that say that one of its own was wrong.
    pub errors: u64,
    /// The gateway's last goodbye.
    pub bye: Option<String>,
}

/// What all devices together do at present.
#[derive(Debug, Default)]
pub struct Progress {
    pub(crate) connected: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) failed: AtomicU64,
}

impl Progress {
    /// Devices that have been welcomed, and whose connection has not ended.
    pub fn connected(&self) -> u64 {
        self.connected.load(Relaxed)
    }

    /// Readings that were written.
    pub fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// Connections that did not come about.
    pub fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }
}

/// Told when a device does what it should not: its id, and what it does.
pub type Note = Arc<dyn Fn(&str, &str) + Send + Sync>;

impl Plan {
    /// The devices, in the order of their numbers.
    #[must_use]
    pub fn profiles(&self) -> Vec<Profile> {
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let width = self.devices.to_string().len();
        let mut faults: Vec<Option<Fault>> = self.faults.list().map(Some).collect();
        faults.resize(self.devices, None);
        rng.shuffle(&mut faults);
        let profile = |(index, fault)| Profile {
            id: format!("{}-{:0width$}", TYPES[index % TYPES.len()], index + 1),
            fault,
            start_after: self.start_within.mul_f64(rng.f64()),
            good_for: self.good_for,
            seed: rng.u64(..),
        };
        faults.into_iter().enumerate().map(profile).collect()
    }
}

/// Connects as a small device does, one that has little memory.
///
/// # Errors
///
/// Whatever the system says.
pub async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // By default it is megabytes: of a flood, ten minutes' worth would wait in there.
    socket.set_send_buffer_size(BUFFER)?;
    // A reading waits for nothing: without this, it would wait until the one before it is
    // acknowledged.
    socket.set_nodelay(true)?;
    socket.connect(address).await
}

/// Runs the devices until `stop` is cancelled. Each of them then ends its connection such that
/// everything it has sent is taken.
///
/// `connect` makes a connection to the gateway; a socket, or whatever carries bytes.
pub async fn run<C, F, T>(
    profiles: Vec<Profile>,
    connect: C,
    stop: CancellationToken,
    progress: Arc<Progress>,
    note: Note,
) -> Vec<DeviceReport>
where
    C: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let world = Arc::new(device::World {
        connect,
        connecting: Semaphore::new(CONNECTING),
        stop,
        progress,
        note,
    });
    let devices: JoinSet<DeviceReport> = profiles
        .into_iter()
        .map(|profile| {
            let row = format!("live({})", profile.id);
            device::live(profile, Arc::clone(&world)).traced(row)
        })
        .collect();
    let mut reports = devices.join_all().await;
    reports.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    reports
}
