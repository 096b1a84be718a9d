//! What a room of this process makes of what Redis says.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::script::Snapshot;
use crate::names::folded;
use crate::protocol::{Said, ServerMessage};
use crate::ring::{Event, Session, What};
use crate::rooms::{Room, State, since};
use crate::seat::Seat;
use crate::wire;

/// An event that is not from Redis, so that nobody has been told of it before.
const HERE: u64 = u64::MAX;

/// The room has begun anew in between.
pub(super) struct OtherEpoch;

impl Room {
    /// Passes on what a script has told. `false`: somebody is about to read, try again at once.
    pub(super) fn hear(&self, told: &[u8]) -> bool {
        let Some((order, message)) = parse(told) else {
            // Somebody else uses our channels. There is nobody to answer to.
            return true;
        };
        let mut state = self.state();
        // We were told twice: by the channel, and by a snapshot after a break.
        if order <= state.order {
            return true;
        }
        if !state.ring.make_room() {
            return false;
        }
        state.order = order;
        let newer = order > state.people_order;
        let what = match message {
            ServerMessage::Said(said) => {
                state.last = state.last.max(said.id);
                What::Said(said.id)
            }
            ServerMessage::Joined { name } => {
                if newer {
                    state.people.insert(folded(&name), name);
                }
                What::Presence
            }
            ServerMessage::Left { name } => {
                if newer {
                    state.people.remove(&folded(&name));
                }
                What::Presence
            }
            _ => return true,
        };
        // The text of the script goes to everyone as it is.
        let json = told
            .splitn(2, |byte| *byte == b' ')
            .nth(1)
            .unwrap_or_default();
        let frame = wire::frame(json);
        state.ring.push(Event { frame, order, what });
        drop(state);
        self.wake();
        true
    }

    /// After a break: tells everyone here what they have missed, as far as it can be known, and those
    /// who have lost their names to others that they have to go.
    pub(super) fn restore(&self, snapshot: Snapshot, nameless: Vec<Session>) {
        let mut state = self.state();
        if state.epoch == snapshot.epoch {
            state.catch_up(&snapshot);
        } else {
            // Whoever is here has to join again. Whoever comes from now on finds the new room.
            state.here(Bytes::new(), What::NewEpoch);
            state.people = by_folded(&snapshot.people);
            (state.last, state.order) = (snapshot.last, snapshot.order);
            state.epoch = snapshot.epoch;
        }
        state.people_order = snapshot.order;
        for session in nameless {
            state.here(Bytes::new(), What::NameLost(session));
        }
        drop(state);
        self.wake();
    }

    /// Who is connected to this process: session and name.
    pub(super) fn members(&self) -> Vec<(Session, String)> {
        let state = self.state();
        state
            .members
            .iter()
            .map(|(session, name)| (*session, name.clone()))
            .collect()
    }
}

impl State {
    fn catch_up(&mut self, snapshot: &Snapshot) {
        let kept: Vec<_> = snapshot
            .history
            .iter()
            .filter_map(|json| said(json))
            .collect();
        let (new, _) = since(kept.iter(), snapshot.last, Some(self.last));
        // The first that we can still give them, or the next one that will be said.
        let next = new.first().map_or(snapshot.last + 1, |said| said.id);
        if next > self.last + 1 {
            let (first, last) = (self.last + 1, next - 1);
            let count = last - first + 1;
            let missed = ServerMessage::Missed { count, first, last };
            self.here(wire::text(&missed), What::Said(last));
        }
        for said in new {
            let id = said.id;
            self.here(wire::text(&ServerMessage::Said(said)), What::Said(id));
        }
        self.last = self.last.max(snapshot.last);
        let people = by_folded(&snapshot.people);
        if people != self.people {
            self.people = people;
            let people = self.people();
            let frame = wire::text(&ServerMessage::People { people });
            self.here(frame, What::Presence);
        }
        self.order = self.order.max(snapshot.order);
    }

    fn here(&mut self, frame: Bytes, what: What) {
        // No more than a history, and it is rare: who is about to read must not miss it.
        self.ring.make_room();
        let order = HERE;
        self.ring.push(Event { frame, order, what });
    }
}

impl Seat {
    /// This name is about to be taken for this seat: whatever happens now, leaving gives it back.
    pub(super) fn claim(&self, name: &str) {
        self.room
            .state()
            .members
            .insert(self.session, name.to_owned());
    }

    /// In the room, from this place of its order on. What to tell the newcomer.
    pub(super) fn admit(
        &self,
        snapshot: &Snapshot,
        name: &str,
        after: Option<u64>,
        of: Option<&str>,
    ) -> Result<ServerMessage, OtherEpoch> {
        let mut state = self.room.state();
        if state.epoch.is_empty() {
            state.epoch.clone_from(&snapshot.epoch);
            state.last = state.last.max(snapshot.last);
        } else if state.epoch != snapshot.epoch {
            return Err(OtherEpoch);
        }
        if snapshot.order > state.people_order {
            state.people = by_folded(&snapshot.people);
            state.people_order = snapshot.order;
        }
        state.ring.told(self.session, snapshot.order, snapshot.last);
        drop(state);
        let kept: Vec<_> = snapshot
            .history
            .iter()
            .filter_map(|json| said(json))
            .collect();
        let after = after.filter(|_| of == Some(snapshot.epoch.as_str()));
        let (history, missed) = since(kept.iter(), snapshot.last, after);
        let mut people = snapshot.people.clone();
        people.sort_unstable();
        Ok(ServerMessage::Welcome {
            name: name.to_owned(),
            room: self.room.name.clone(),
            epoch: snapshot.epoch.clone(),
            people,
            history,
            missed,
        })
    }
}

fn by_folded(people: &[String]) -> BTreeMap<String, String> {
    people
        .iter()
        .map(|name| (folded(name), name.clone()))
        .collect()
}

/// `order json`
fn parse(told: &[u8]) -> Option<(u64, ServerMessage)> {
    let (order, json) = std::str::from_utf8(told).ok()?.split_once(' ')?;
    Some((order.parse().ok()?, serde_json::from_str(json).ok()?))
}

fn said(json: &str) -> Option<Said> {
    match serde_json::from_str(json) {
        Ok(ServerMessage::Said(said)) => Some(said),
        _ => None,
    }
}
