//! Who is in which room, and what was said there last.
//!
//! Two kinds of locks: one around the map of rooms, one around each room, always taken in this
//! order, and never held over an `.await`. What is done under them is short, so they are those of
//! the standard library.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use crate::names::folded;
use crate::protocol::{Said, ServerMessage};
use crate::ring::{Event, Ring, Session, What};
use crate::seat::Seat;
use crate::wire;

/// So many bytes of messages do all rooms together keep for newcomers. Above it a room drops old
/// messages for each new one.
const MOST_KEPT: usize = 256 << 20;
/// So many rooms that nobody is in are kept, with what was said in them: who was alone there and
/// comes back, after a bad moment of the network, finds it as it was.
const MOST_EMPTY: usize = 1000;

/// All rooms of this process.
#[derive(Debug)]
pub(crate) struct Rooms {
    map: Mutex<Map>,
    /// So many messages does each room keep.
    history: usize,
    /// Bytes that all rooms keep.
    kept: Arc<AtomicUsize>,
    sessions: AtomicU64,
    /// Where to say who has gone, if other processes want to know.
    notes: Option<mpsc::UnboundedSender<Note>>,
}

#[derive(Debug, Default)]
struct Map {
    rooms: HashMap<String, Arc<Room>>,
    /// Rooms that were empty at some time, each once, the last one last.
    emptied: VecDeque<String>,
}

/// What other processes have to be told.
#[derive(Debug)]
pub(crate) enum Note {
    /// Somebody went.
    Left {
        room: String,
        name: String,
        session: Session,
    },
    /// Nobody here is in this room any more.
    Empty { room: String },
}

/// One room.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) name: String,
    state: Mutex<State>,
    changed: watch::Sender<()>,
    kept: Arc<AtomicUsize>,
    history: usize,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) ring: Ring,
    /// Everyone in the room by folded name, of all processes.
    pub(crate) people: BTreeMap<String, String>,
    /// Who of them is connected to this process.
    pub(crate) members: HashMap<Session, String>,
    pub(crate) history: VecDeque<Arc<Said>>,
    pub(crate) epoch: String,
    /// The last message.
    pub(crate) last: u64,
    /// The last event of [`Event::order`].
    pub(crate) order: u64,
    /// `people` is as it was after this event.
    pub(crate) people_order: u64,
}

/// Why somebody cannot join.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoEntry {
    Taken,
    /// Somebody is about to read; try again at once.
    Busy,
}

impl Rooms {
    pub(crate) fn new(history: usize, notes: Option<mpsc::UnboundedSender<Note>>) -> Self {
        Self {
            map: Mutex::default(),
            history,
            kept: Arc::default(),
            sessions: AtomicU64::new(1),
            notes,
        }
    }

    /// How many rooms somebody is in.
    pub(crate) fn count(&self) -> usize {
        let rooms = self.all();
        rooms.iter().filter(|room| !room.is_empty()).count()
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Room>> {
        self.map().rooms.get(name).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Room>> {
        self.map().rooms.values().cloned().collect()
    }

    /// A place in the room, which comes to be with it. Whoever has it hears what happens from now
    /// on, and is not in the room yet.
    pub(crate) fn enter(self: &Arc<Self>, name: &str) -> Seat {
        let session = self.sessions.fetch_add(1, Relaxed);
        let mut map = self.map();
        let room = map.rooms.entry(name.to_owned()).or_insert_with(|| {
            Arc::new(Room {
                name: name.to_owned(),
                state: Mutex::default(),
                changed: watch::Sender::new(()),
                kept: Arc::clone(&self.kept),
                history: self.history,
            })
        });
        room.state().ring.add(session);
        let room = Arc::clone(room);
        drop(map);
        let changed = room.changed.subscribe();
        Seat::new(Arc::clone(self), room, session, changed)
    }

    /// Somebody leaves.
    pub(crate) fn leave(&self, room: &Room, session: Session) {
        let mut map = self.map();
        let mut state = room.state();
        state.ring.remove(session);
        if let Some(name) = state.members.remove(&session) {
            if let Some(notes) = &self.notes {
                let room = room.name.clone();
                // No error: at the end nobody listens any more.
                let _ = notes.send(Note::Left {
                    room,
                    name,
                    session,
                });
            } else {
                state.people.remove(&folded(&name));
                // Who leaves cannot wait for room. There are no more of these events than people.
                state.ring.make_room();
                state.push(wire::text(&ServerMessage::Left { name }), What::Presence);
            }
        }
        let empty = state.ring.readers() == 0;
        let kept = !state.history.is_empty();
        drop(state);
        if empty {
            let name = room.name.clone();
            match &self.notes {
                // The others remember what was said.
                Some(notes) => {
                    map.rooms.remove(&name);
                    let _ = notes.send(Note::Empty { room: name });
                }
                None if kept => map.emptied(&name),
                None => drop(map.rooms.remove(&name)),
            }
        }
        drop(map);
        room.wake();
    }

    fn map(&self) -> MutexGuard<'_, Map> {
        // Nothing here panics half-way, so what the lock protects is whole.
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Map {
    /// Somebody was the last in this room.
    fn emptied(&mut self, name: &str) {
        // Once, at its last place: or a room that people often leave would fill the list alone.
        self.emptied.retain(|other| other != name);
        self.emptied.push_back(name.to_owned());
        if self.emptied.len() > MOST_EMPTY
            && let Some(name) = self.emptied.pop_front()
            && self.rooms.get(&name).is_some_and(|room| room.is_empty())
        {
            self.rooms.remove(&name);
        }
    }
}

impl Room {
    fn is_empty(&self) -> bool {
        self.state().ring.readers() == 0
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says it to everyone, when there is no other process: the id. `None`: somebody is about to
    /// read, try again at once.
    pub(crate) fn say(&self, name: &str, text: &str) -> Option<u64> {
        let mut state = self.state();
        if !state.ring.make_room() {
            return None;
        }
        state.last += 1;
        let said = Said {
            id: state.last,
            name: name.to_owned(),
            text: text.to_owned(),
            at: now(),
        };
        let id = said.id;
        // Under the lock, because ids rise in the order of the frames.
        let message = ServerMessage::Said(said);
        state.push(wire::text(&message), What::Said(id));
        if let ServerMessage::Said(said) = message {
            self.keep(&mut state, Arc::new(said));
        }
        drop(state);
        self.wake();
        Some(id)
    }

    /// Wakes everyone who waits for something to read.
    pub(crate) fn wake(&self) {
        self.changed.send_replace(());
    }

    /// Keeps a message for newcomers: at most so many, and fewer if all rooms together keep much.
    pub(crate) fn keep(&self, state: &mut State, said: Arc<Said>) {
        let size = |said: &Said| size_of::<Said>() + said.name.len() + said.text.len();
        self.kept.fetch_add(size(&said), Relaxed);
        state.history.push_back(said);
        while state.history.len() > self.history
            || (self.kept.load(Relaxed) > MOST_KEPT && !state.history.is_empty())
        {
            if let Some(old) = state.history.pop_front() {
                self.kept.fetch_sub(size(&old), Relaxed);
            }
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut kept = 0;
        for said in &state.history {
            kept += size_of::<Said>() + said.name.len() + said.text.len();
        }
        self.kept.fetch_sub(kept, Relaxed);
    }
}

impl State {
    /// Appends what happened in this process alone.
    pub(crate) fn push(&mut self, frame: Bytes, what: What) {
        self.order += 1;
        let order = self.order;
        self.ring.push(Event { frame, order, what });
    }

    pub(crate) fn people(&self) -> Vec<String> {
        let mut people: Vec<_> = self.people.values().cloned().collect();
        people.sort_unstable();
        people
    }
}

/// What a newcomer is told of the past: the messages that are kept, or those after `after`; and how
/// many of these are no longer kept.
pub(crate) fn since<'a>(
    history: impl DoubleEndedIterator<Item = &'a Said> + Clone,
    last: u64,
    after: Option<u64>,
) -> (Vec<Said>, u64) {
    let after = after.filter(|after| *after <= last);
    let start = after.unwrap_or(0);
    let first = history.clone().next().map_or(last + 1, |said| said.id);
    let history = history.filter(|said| said.id > start).cloned().collect();
    let missed = after.map_or(0, |after| first.saturating_sub(after + 1));
    (history, missed)
}

/// An epoch that no other room has had.
pub(crate) fn new_epoch() -> String {
    format!("{:016x}", fastrand::u64(..))
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody comes, says something, and goes.
    fn visit(rooms: &Arc<Rooms>, name: &str) -> u64 {
        let seat = rooms.enter(name);
        seat.join("Ada", None, None).unwrap();
        seat.room.say("Ada", "hi").unwrap()
    }

    #[test]
    fn a_room_is_remembered_however_often_it_is_left() {
        let rooms = Arc::new(Rooms::new(1, None));
        for id in 1..2 * MOST_EMPTY as u64 {
            assert_eq!(visit(&rooms, "lobby"), id);
        }
        for number in 1..MOST_EMPTY {
            visit(&rooms, &format!("room-{number}"));
        }
        assert!(rooms.get("lobby").is_some());
        // One more than are remembered: the one that was left first.
        visit(&rooms, "another");
        assert!(rooms.get("lobby").is_none());
        assert_eq!(rooms.all().len(), MOST_EMPTY);
    }
}
