//! Real-time chat over WebSockets, in the browser and the terminal, over several processes.
//!
//! - [`protocol`]: what client and server say to each other.
//! - [`names`]: which names and texts are taken.
//! - [`serve`]: the server, from a listener to the last close.
//!
//! # Where to begin
//!
//! After chapter 12 you know all that `server` is made of: an accept loop, a task for each
//! connection, a token that says stop. Read the rest in this order, each needs only those before it:
//!
//! 1. `protocol`: the messages. `names` and `limits` say which of them are taken.
//! 2. `server`: HTTP, and how a request becomes a WebSocket (`http`, then `upgrade`).
//! 3. `connection`: one client's conversation. `stay` is the loop to know, `turn` is what it awaits.
//! 4. `rooms`, `seat`: who is where, and how one connection joins, takes and leaves.
//! 5. `ring`: what is kept for slow readers, and who misses something.
//! 6. `wire`: frames that many connections share, and one write for all that waits.
//! 7. `redis`: the same rooms in several processes. `chat` decides which way a message goes.
//!
//! The terminal client begins at [`join`], and needs `protocol` only.

mod chat;
mod connection;
mod ending;
pub mod join;
mod limits;
pub mod names;
pub mod protocol;
mod redis;
mod ring;
mod rooms;
mod seat;
mod server;
mod wire;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::chat::Chat;
use crate::redis::{Bus, Runner as BusRunner};
use crate::rooms::Rooms;

/// How the server behaves. `Options::default()` is what `cargo run -p chat` uses.
#[derive(Clone, Debug)]
pub struct Options {
    /// Share rooms with other processes through this Redis, such as `redis://127.0.0.1:6379`.
    pub redis: Option<String>,
    /// So many WebSockets at once; more get 503.
    pub max_connections: usize,
    /// So many messages a second may a client send for long.
    pub rate: f64,
    /// So many messages may a client send at once. 0: no limit of any kind, for measuring.
    pub burst: u32,
    /// How often the server pings. Who is silent for two of these is gone.
    pub heartbeat: Duration,
    /// So many messages does a room keep for newcomers.
    pub history: usize,
    /// How long the head of an HTTP request may take.
    pub head_within: Duration,
    /// How long a client may take until it joins.
    pub join_within: Duration,
    /// How long clients may take to close when the server stops.
    pub grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            redis: None,
            max_connections: 10_500,
            rate: 5.0,
            burst: 20,
            heartbeat: Duration::from_secs(20),
            history: 100,
            head_within: Duration::from_secs(5),
            join_within: Duration::from_secs(5),
            grace: Duration::from_secs(5),
        }
    }
}

/// Why a server cannot start. Its text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This cannot be the address of a Redis. It is not shown, a password may be in it.
    #[error("--redis cannot be this: it is such as redis://127.0.0.1:6379")]
    Usage,
    /// There is no Redis at this address, or it does not let us in.
    #[error("cannot use the Redis at {0}: {1}; start it, or name another with --redis")]
    Redis(String, String),
}

impl Error {
    /// What the process should end with: 2 for bad usage, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Redis(..) => 1,
        }
    }
}

/// A server that could start, and listens nowhere yet.
pub struct Server {
    chat: Chat,
    bus: Option<BusRunner>,
}

impl Server {
    /// Connects to Redis, if the options name one.
    ///
    /// # Errors
    ///
    /// If this cannot be a Redis, or it cannot be reached. One that goes away later is no error: the server waits for
    /// it.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let (rooms, bus) = match &options.redis {
            Some(url) => {
                let (bus, runner) = Bus::connect(url, options.history).await?;
                (runner.rooms(), Some((bus, runner)))
            }
            None => (Arc::new(Rooms::new(options.history, None)), None),
        };
        let (bus, runner) = bus.unzip();
        let chat = Chat {
            options,
            rooms,
            bus,
            stop: CancellationToken::new(),
            connections: AtomicUsize::new(0),
        };
        Ok(Self { chat, bus: runner })
    }

    /// Serves the page and the chat until `shutdown` completes; then tells everyone, closes, and
    /// returns when all have gone or [`Options::grace`] is over.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let chat = Arc::new(self.chat);
        let accept = server::accept(listener, chat, shutdown);
        match self.bus {
            Some(bus) => bus.run_while(accept).await,
            None => accept.await,
        }
    }
}

/// [`Server::start`] and [`Server::run`].
///
/// # Errors
///
/// As [`Server::start`].
pub async fn serve(
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    Server::start(options).await?.run(listener, shutdown).await;
    Ok(())
}
