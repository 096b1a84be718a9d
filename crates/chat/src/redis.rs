//! Rooms that several processes share, through Redis.
//!
//! As Django Channels does, and more strictly. Redis puts all that happens in a room into one order:
//! a script gives each event its number, and publishes it, in one step. Every process passes on what
//! it hears, what its own people say too, so everyone sees the same order.
//!
//! Publishing reaches who listens at that moment, and nobody else. So after a break of the connection
//! a process asks for what it has not heard: Redis keeps the last messages.

mod hear;
mod runner;
mod script;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, IntoConnectionInfo as _, ProtocolVersion, PushInfo};
use ::redis::{ErrorKind, RedisError, RedisResult};
use tokio::sync::{Notify, mpsc};

use self::hear::OtherEpoch;
pub(crate) use self::runner::Runner;
use self::script::{Answer, Snapshot};
use crate::Error;
use crate::chat::{NoJoin, NotSaid};
use crate::names::folded;
use crate::protocol::ServerMessage;
use crate::rooms::{Room, Rooms, new_epoch};
use crate::seat::Seat;

/// How long a connection and an answer may take. A Redis that takes longer is as good as gone.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// So many events may wait for us. If there are more we ask for what we have missed, as after a
/// break.
const MOST_PUSHES: usize = 16 * 1024;

const DOWN: &str = "the chat cannot reach its Redis; try again in a moment";
const PERHAPS: &str = "the chat has lost its Redis; nobody knows whether this was said";
const ANEW: &str = "this room has begun anew; try again in a moment";

/// What happened in rooms that this process listens to.
type Pushes = mpsc::Receiver<PushInfo>;

/// The way to Redis, for all connections of this process.
pub(crate) struct Bus {
    client: Client,
    rooms: Arc<Rooms>,
    history: usize,
    /// The connection, while there is one.
    link: Mutex<Option<Link>>,
    /// Which rooms we listen to. An asynchronous lock: it is held until Redis has answered, so that
    /// the last one's going and the next one's coming cannot overtake each other.
    heard: tokio::sync::Mutex<HashSet<String>>,
    /// There is reason to ask Redis for everything again.
    doubt: Arc<Notify>,
}

/// A connection, and what this process is called on it.
#[derive(Clone)]
struct Link {
    connection: MultiplexedConnection,
    /// New for each connection: entries of the old one are told from those of the new one.
    process: String,
}

impl Bus {
    /// Connects, for the first time.
    pub(crate) async fn connect(url: &str, history: usize) -> Result<(Arc<Self>, Runner), Error> {
        let client = client(url).map_err(|_| Error::Usage)?;
        let address = client.get_connection_info().addr().to_string();
        let (notes, leaving) = mpsc::unbounded_channel();
        let bus = Arc::new(Self {
            client,
            rooms: Arc::new(Rooms::new(history, Some(notes))),
            history,
            link: Mutex::default(),
            heard: tokio::sync::Mutex::default(),
            doubt: Arc::default(),
        });
        let runner = Runner::start(Arc::clone(&bus), leaving).await;
        let runner = runner.map_err(|error| Error::Redis(address, error.to_string()))?;
        Ok((bus, runner))
    }

    /// Takes a name in a room for this seat: what to tell its person.
    pub(crate) async fn join(
        &self,
        seat: &Seat,
        name: &str,
        after: Option<u64>,
        of: Option<&str>,
    ) -> Result<ServerMessage, NoJoin> {
        let later = |reason: &str| NoJoin::Later(reason.to_owned());
        let link = self.link().ok_or_else(|| later(DOWN))?;
        let room = &seat.room.name;
        // First listen, then join: so there is nothing between what the script answers and what we
        // hear.
        let listens = self.settle(&link, room).await;
        listens.map_err(|_| later(DOWN))?;
        seat.claim(name);
        let (key, session, epoch) = (folded(name), seat.session.to_string(), new_epoch());
        let arguments = [room, &key, &link.process, &session, name, &epoch];
        let answer = script::run(&link.connection, script::JOIN, &arguments).await;
        let answer: Option<Answer> = answer.map_err(|_| later(DOWN))?;
        let snapshot = Snapshot::from(answer.ok_or(NoJoin::Taken)?);
        seat.admit(&snapshot, name, after, of)
            .map_err(|OtherEpoch| {
                self.doubt.notify_one();
                later(ANEW)
            })
    }

    /// Says it to everyone in the room: the id, or why not.
    pub(crate) fn say(
        self: Arc<Self>,
        room: &Room,
        name: &str,
        text: &str,
    ) -> impl Future<Output = Result<u64, NotSaid>> + Send + use<> {
        let json = |text: &str| serde_json::Value::from(text).to_string();
        let fields = format!("\"name\":{},\"text\":{}", json(name), json(text));
        let epoch = room.state().epoch.clone();
        let arguments = [room.name.clone(), epoch, fields, self.history.to_string()];
        async move {
            let surely = |reason: &str| NotSaid::Surely(reason.to_owned());
            let link = self.link().ok_or_else(|| surely(DOWN))?;
            match script::run(&link.connection, script::SAY, &arguments).await {
                Ok(0) => {
                    self.doubt.notify_one();
                    Err(surely(ANEW))
                }
                Ok(id) => Ok(id),
                // Redis has answered: a script that fails at its first write has done nothing.
                Err(error) if error.kind() != ErrorKind::Io => {
                    Err(NotSaid::Surely(format!("Redis refuses it: {error}")))
                }
                Err(_) => {
                    self.give_up(&link);
                    Err(NotSaid::Perhaps(PERHAPS.to_owned()))
                }
            }
        }
    }

    fn link(&self) -> Option<Link> {
        self.link
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Nobody uses this connection any more, and the runner makes another one.
    fn give_up(&self, link: &Link) {
        let mut current = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if current
            .as_ref()
            .is_some_and(|it| it.process == link.process)
        {
            *current = None;
            self.doubt.notify_one();
        }
    }

    fn set_link(&self, link: Option<Link>) {
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = link;
    }

    /// Listens to a room if somebody here is in it, and else not.
    ///
    /// It looks once it has the lock, and holds it until Redis has answered: whatever came and went
    /// meanwhile, the last call sees how it is.
    async fn settle(&self, link: &Link, room: &str) -> RedisResult<()> {
        let mut heard = self.heard.lock().await;
        // Another connection by now: what `heard` says is not about ours.
        if self.link().is_none_or(|now| now.process != link.process) {
            return Err(RedisError::from((ErrorKind::Io, "connection lost")));
        }
        let wanted = self.rooms.get(room).is_some();
        let mut connection = link.connection.clone();
        if wanted && !heard.contains(room) {
            connection.subscribe(channel(room)).await?;
            heard.insert(room.to_owned());
        } else if !wanted && heard.contains(room) {
            connection.unsubscribe(channel(room)).await?;
            heard.remove(room);
        }
        Ok(())
    }
}

fn client(url: &str) -> RedisResult<Client> {
    let info = url.into_connection_info()?;
    // With RESP3 what is published comes on the connection that answers commands: one connection for
    // both, and if it breaks both are gone.
    let settings = info
        .redis_settings()
        .clone()
        .set_protocol(ProtocolVersion::RESP3);
    Client::open(info.set_redis_settings(settings))
}

async fn dial(client: &Client, doubt: Arc<Notify>) -> RedisResult<(MultiplexedConnection, Pushes)> {
    let (sender, pushes) = mpsc::channel(MOST_PUSHES);
    let push = move |push| sender.try_send(push).inspect_err(|_| doubt.notify_one());
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_WITHIN))
        .set_response_timeout(Some(ANSWER_WITHIN))
        .set_push_sender(push);
    let connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    Ok((connection, pushes))
}

/// Where the events of a room are published.
fn channel(room: &str) -> String {
    format!("chat:{{{room}}}:events")
}

/// The room of such a channel.
fn room_of(channel: &str) -> Option<&str> {
    channel.strip_prefix("chat:{")?.strip_suffix("}:events")
}
