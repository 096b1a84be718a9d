//! What happened in a room, in order, until everyone has taken it.
//!
//! As `tokio::sync::broadcast`, with three differences that a chat needs: it takes memory only for
//! what is in it, it knows which messages a slow reader has missed and not only how many, and it
//! waits for readers that are about to read, so that only those whose connection is stuck miss
//! anything.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use crate::protocol::close;

/// One connection, in this process.
pub(crate) type Session = u64;

/// How much waits for slow readers: so many events, of so many bytes together.
const MOST_EVENTS: u64 = 1024;
const MOST_BYTES: usize = 1 << 20;
/// In a room of so few, what all have taken is dropped at once.
const FEW: usize = 8;

/// What happened.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// What readers are told. Empty: nothing.
    pub(crate) frame: Bytes,
    /// Rises, but not by one. Who joined at 7 is not told of events up to 7.
    pub(crate) order: u64,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The message of this id.
    Said(u64),
    /// Somebody came or went.
    Presence,
    /// This session has lost its name to another process.
    NameLost(Session),
    /// The room begins anew, with other ids.
    NewEpoch,
}

#[derive(Debug)]
struct Reader {
    /// Where it goes on.
    next: u64,
    /// The last message that it was given.
    seen: u64,
    /// Events up to this order are older than it is.
    since: u64,
    /// Its connection takes nothing more, so nobody waits for it.
    stuck: bool,
}

/// What a reader gets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// The first and the last message that it will not get.
    pub(crate) missed: Option<(u64, u64)>,
    /// It has missed something, perhaps that somebody came or went.
    pub(crate) lagged: bool,
    /// It has to go, with this code and for this reason.
    pub(crate) expelled: Option<(u16, &'static str)>,
    pub(crate) frames: Vec<Bytes>,
    /// There is more.
    pub(crate) more: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Ring {
    events: VecDeque<Event>,
    /// The position of the first of `events`.
    first: u64,
    bytes: usize,
    /// The last message that was dropped.
    dropped: u64,
    readers: HashMap<Session, Reader>,
}

impl Ring {
    /// Lets `session` read all that happens from now on. Nobody waits for it until it
    /// [takes](Self::take) for the first time.
    pub(crate) fn add(&mut self, session: Session) {
        let reader = Reader {
            next: self.end(),
            seen: 0,
            since: 0,
            stuck: true,
        };
        self.readers.insert(session, reader);
    }

    /// What `session` has been told by other means: all up to `order`, and messages up to `seen`.
    pub(crate) fn told(&mut self, session: Session, order: u64, seen: u64) {
        if let Some(reader) = self.readers.get_mut(&session) {
            reader.since = order;
            reader.seen = seen;
            reader.stuck = false;
        }
    }

    pub(crate) fn remove(&mut self, session: Session) {
        self.readers.remove(&session);
        self.drop_taken();
    }

    pub(crate) fn readers(&self) -> usize {
        self.readers.len()
    }

    /// The connection of `session` takes nothing more.
    pub(crate) fn stuck(&mut self, session: Session) {
        if let Some(reader) = self.readers.get_mut(&session) {
            reader.stuck = true;
        }
    }

    /// Makes room for one more event. `false`: somebody is about to read, wait for it.
    pub(crate) fn make_room(&mut self) -> bool {
        if !self.is_full() {
            return true;
        }
        let moving = self.readers.values().filter(|reader| !reader.stuck);
        let slowest = moving.map(|reader| reader.next).min();
        let slowest = slowest.unwrap_or(self.end());
        // Half of it at a time, because looking for the slowest costs something too.
        let half = self.first + self.events.len() as u64 / 2 + 1;
        self.drop_until(slowest.min(half));
        !self.is_full()
    }

    /// Appends, without a look at the limits: see [`make_room`](Self::make_room).
    pub(crate) fn push(&mut self, event: Event) {
        self.bytes += event.frame.len();
        self.events.push_back(event);
    }

    /// What `session` has not taken yet, at most so many events and about so many bytes.
    pub(crate) fn take(&mut self, session: Session, most: usize, bytes: usize) -> Taken {
        let (first, end) = (self.first, self.end());
        let mut taken = Taken::default();
        let Some(reader) = self.readers.get_mut(&session) else {
            return taken;
        };
        reader.stuck = false;
        if reader.next < first {
            reader.next = first;
            taken.lagged = true;
            if self.dropped > reader.seen {
                taken.missed = Some((reader.seen + 1, self.dropped));
                reader.seen = self.dropped;
            }
        }
        let skip = usize::try_from(reader.next - first).unwrap_or(usize::MAX);
        let mut size = 0;
        for event in self.events.iter().skip(skip) {
            if taken.frames.len() >= most || size >= bytes {
                break;
            }
            reader.next += 1;
            if event.order <= reader.since {
                continue;
            }
            match event.what {
                What::Said(id) => reader.seen = id,
                What::Presence => {}
                What::NameLost(whom) if whom != session => {}
                What::NameLost(_) => {
                    let reason = "somebody has taken this name through another server";
                    taken.expelled = Some((close::NAME_TAKEN, reason));
                }
                What::NewEpoch => {
                    let reason = "this room has begun anew; join again";
                    taken.expelled = Some((close::TRY_AGAIN, reason));
                }
            }
            if !event.frame.is_empty() {
                size += event.frame.len();
                taken.frames.push(event.frame.clone());
            }
        }
        taken.more = reader.next < end;
        self.drop_taken();
        taken
    }

    fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    fn is_full(&self) -> bool {
        self.events.len() as u64 >= MOST_EVENTS || self.bytes >= MOST_BYTES
    }

    /// In a small room everything is taken at once by everyone, and nothing need be kept. In a large
    /// one, finding the slowest each time would cost more than the memory.
    fn drop_taken(&mut self) {
        if self.readers.len() <= FEW {
            let slowest = self.readers.values().map(|reader| reader.next).min();
            self.drop_until(slowest.unwrap_or(self.end()));
            if self.events.is_empty() && self.events.capacity() > 64 {
                self.events = VecDeque::new();
            }
        }
    }

    fn drop_until(&mut self, position: u64) {
        while self.first < position {
            let Some(event) = self.events.pop_front() else {
                return;
            };
            self.first += 1;
            self.bytes -= event.frame.len();
            if let What::Said(id) = event.what {
                self.dropped = self.dropped.max(id);
            }
        }
    }
}
