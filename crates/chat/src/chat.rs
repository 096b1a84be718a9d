//! What all connections share: the rooms, and the way to them through one process or several.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;

use crate::Options;
use crate::protocol::ServerMessage;
use crate::redis::Bus;
use crate::rooms::{NoEntry, Rooms};
use crate::seat::Seat;

pub(crate) struct Chat {
    pub(crate) options: Options,
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) bus: Option<Arc<Bus>>,
    /// Cancelled when the server stops.
    pub(crate) stop: CancellationToken,
    /// `WebSockets` that are open, joined or not.
    pub(crate) connections: AtomicUsize,
}

/// Why somebody cannot join.
#[derive(Debug)]
pub(crate) enum NoJoin {
    /// Somebody of this name is there.
    Taken,
    /// Not now, for this reason.
    Later(String),
}

/// What becomes of a message.
pub(crate) enum Say {
    /// It has this id.
    Done(u64),
    /// That takes time.
    Wait(BoxFuture<'static, Result<u64, NotSaid>>),
}

/// Why there is no id, for people.
pub(crate) enum NotSaid {
    /// It was not said, and can be said again.
    Surely(String),
    /// Nobody knows. Whoever says it again may say it twice; who joins again sees it, or not.
    Perhaps(String),
}

impl Chat {
    pub(crate) async fn join(
        &self,
        name: &str,
        room: &str,
        after: Option<u64>,
        of: Option<&str>,
    ) -> Result<(Seat, ServerMessage), NoJoin> {
        let seat = self.rooms.enter(room);
        if let Some(bus) = &self.bus {
            let welcome = bus.join(&seat, name, after, of).await?;
            return Ok((seat, welcome));
        }
        loop {
            match seat.join(name, after, of) {
                Ok(welcome) => return Ok((seat, welcome)),
                Err(NoEntry::Taken) => return Err(NoJoin::Taken),
                Err(NoEntry::Busy) => yield_now().await,
            }
        }
    }

    pub(crate) fn say(&self, seat: &Seat, name: &str, text: &str) -> Say {
        if let Some(bus) = &self.bus {
            return Say::Wait(Arc::clone(bus).say(&seat.room, name, text).boxed());
        }
        if let Some(id) = seat.room.say(name, text) {
            return Say::Done(id);
        }
        let room = Arc::clone(&seat.room);
        let (name, text) = (name.to_owned(), text.to_owned());
        let wait = async move {
            loop {
                if let Some(id) = room.say(&name, &text) {
                    return Ok(id);
                }
                yield_now().await;
            }
        };
        Say::Wait(wait.boxed())
    }
}
