//! A place in a room: what one connection does there.

use std::sync::Arc;

use tokio::sync::watch;

use crate::names::folded;
use crate::protocol::ServerMessage;
use crate::ring::{Session, Taken, What};
use crate::rooms::{NoEntry, Room, Rooms, new_epoch, since};
use crate::wire;

/// A place in a room. Dropping it is leaving.
#[derive(Debug)]
pub(crate) struct Seat {
    rooms: Arc<Rooms>,
    pub(crate) room: Arc<Room>,
    pub(crate) session: Session,
    changed: watch::Receiver<()>,
}

impl Seat {
    pub(crate) fn new(
        rooms: Arc<Rooms>,
        room: Arc<Room>,
        session: Session,
        changed: watch::Receiver<()>,
    ) -> Self {
        Self {
            rooms,
            room,
            session,
            changed,
        }
    }

    /// Takes a name, and tells everyone, when there is no other process to ask.
    pub(crate) fn join(
        &self,
        name: &str,
        after: Option<u64>,
        of: Option<&str>,
    ) -> Result<ServerMessage, NoEntry> {
        let key = folded(name);
        let mut state = self.room.state();
        if state.people.contains_key(&key) {
            return Err(NoEntry::Taken);
        }
        if !state.ring.make_room() {
            return Err(NoEntry::Busy);
        }
        if state.epoch.is_empty() {
            state.epoch = new_epoch();
        }
        state.people.insert(key, name.to_owned());
        state.members.insert(self.session, name.to_owned());
        let joined = ServerMessage::Joined {
            name: name.to_owned(),
        };
        state.push(wire::text(&joined), What::Presence);
        let (order, last) = (state.order, state.last);
        state.ring.told(self.session, order, last);
        let after = after.filter(|_| of == Some(state.epoch.as_str()));
        let (history, missed) = since(state.history.iter().map(AsRef::as_ref), last, after);
        let welcome = ServerMessage::Welcome {
            name: name.to_owned(),
            room: self.room.name.clone(),
            epoch: state.epoch.clone(),
            people: state.people(),
            history,
            missed,
        };
        drop(state);
        self.room.wake();
        Ok(welcome)
    }

    /// What happened since the last call, as [`Ring::take`](crate::ring::Ring::take).
    pub(crate) fn take(&mut self, most: usize, bytes: usize) -> Taken {
        // First: what comes while we take is a change again.
        self.changed.mark_unchanged();
        let mut state = self.room.state();
        let mut taken = state.ring.take(self.session, most, bytes);
        if taken.lagged {
            let mut repair = Vec::new();
            if let Some((first, last)) = taken.missed {
                let count = last - first + 1;
                repair.push(wire::text(&ServerMessage::Missed { count, first, last }));
            }
            // What is still to be taken ends with the truth again, whatever it begins with.
            let people = state.people();
            repair.push(wire::text(&ServerMessage::People { people }));
            taken.frames.splice(0..0, repair);
        }
        taken
    }

    /// Completes when there may be something to take. Cancel safe: a change is not lost.
    pub(crate) async fn changed(&mut self) {
        // An error would mean that the room is gone, and we hold it.
        let _ = self.changed.changed().await;
    }

    /// Whether [`changed`](Self::changed) would complete at once.
    pub(crate) fn has_changed(&self) -> bool {
        self.changed.has_changed().unwrap_or(false)
    }

    /// The connection takes nothing more: nobody waits for it until it takes again.
    pub(crate) fn stuck(&self) {
        self.room.state().ring.stuck(self.session);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.rooms.leave(&self.room, self.session);
    }
}
