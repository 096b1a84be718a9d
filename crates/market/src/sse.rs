//! Server-Sent Events for one client: text that never ends, and never more of it than the client
//! takes.
//!
//! The usual way is a queue for each client, into which every change is put. When a client is slow,
//! its queue grows, or it overflows, and either way the client gets old news. Here is no queue. The
//! stream is *pulled*: hyper asks it for the next piece when there is room, and the piece is made at
//! that moment, of everything that is newer than the last one. So a fast client gets few changes in
//! each update, a slow one gets many in one, and one that never reads costs one update that waits,
//! and what the system's buffers took before they were full.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use futures::stream::unfold;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::live::{Live, Now};
use crate::view::{View, Wanted};

/// So often something is sent where nothing happens, so that proxies do not take the connection for
/// dead, and that a client which has gone is noticed.
pub const ALIVE: Duration = Duration::from_secs(15);

/// What this client has seen.
#[derive(Debug)]
struct Client {
    live: Arc<Live>,
    now: watch::Receiver<Now>,
    wanted: Wanted,
    /// The version of its last update. Nothing yet: it needs a snapshot.
    seen: Option<u64>,
    /// Completes when the last update is out of our hands.
    in_flight: Option<oneshot::Receiver<()>>,
    next_update: Instant,
    last_sent: Instant,
    has_begun: bool,
    is_over: bool,
    /// Gives the place back when the stream is dropped.
    _place: OwnedSemaphorePermit,
}

/// Why the client gets something.
enum Woken {
    Change,
    Silence,
    Stop,
}

/// Updates for one client, each made when it is asked for and no earlier than the client has taken
/// the one before.
///
/// `last_event_id` is what the client sends when it comes back.
pub fn stream(
    live: Arc<Live>,
    wanted: Wanted,
    last_event_id: Option<&str>,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = Bytes> + Send + 'static {
    let now = live.watch();
    let seen = last_event_id.and_then(|id| version(&live, &now.borrow(), id));
    let client = Client {
        live,
        now,
        wanted,
        seen,
        in_flight: None,
        next_update: Instant::now(),
        last_sent: Instant::now(),
        has_begun: false,
        is_over: false,
        _place: place,
    };
    unfold(client, |mut client| async {
        let next = client.next().await?;
        Some((next, client))
    })
}

/// Whether a client that comes back with this id has seen everything there will ever be.
#[must_use]
pub fn has_seen_all(live: &Live, last_event_id: &str) -> bool {
    let now = live.watch();
    let now = now.borrow();
    now.has_ended && version(live, &now, last_event_id) == Some(now.market.version())
}

/// The version in an id, if the id is of this run.
fn version(live: &Live, now: &Now, id: &str) -> Option<u64> {
    let (epoch, version) = id.split_once('-')?;
    let version = version.parse().ok()?;
    (epoch == live.epoch && version <= now.market.version()).then_some(version)
}

impl Client {
    /// The next piece of the stream; `None` at its end.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(taken) = self.in_flight.take() {
            // Nothing is ever sent. That the other half is dropped is the message.
            let _ = taken.await;
        }
        while !self.is_over {
            let woken = if self.has_begun {
                self.woken().await
            } else {
                Woken::Change
            };
            let text = match woken {
                Woken::Change => self.news(),
                Woken::Silence => Some(b": alive\n\n".to_vec()),
                Woken::Stop => {
                    self.is_over = true;
                    Some(b"event: bye\ndata: {}\n\n".to_vec())
                }
            };
            if let Some(text) = text {
                return Some(self.send(text));
            }
        }
        None
    }

    /// Waits for something to tell.
    async fn woken(&mut self) -> Woken {
        let change = async {
            sleep_until(self.next_update).await;
            self.now.changed().await
        };
        tokio::select! {
            // In this order: a market at full speed changes always, and would never let it stop.
            biased;
            () = self.live.stopped() => Woken::Stop,
            changed = timeout_at(self.last_sent + ALIVE, change) => match changed {
                Ok(Ok(())) => Woken::Change,
                Ok(Err(_nobody_will_change_it)) => Woken::Stop,
                Err(_elapsed) => Woken::Silence,
            },
        }
    }

    /// Everything that this client has not seen, of this very moment.
    fn news(&mut self) -> Option<Vec<u8>> {
        self.next_update = Instant::now() + self.live.limits.pause;
        // A lock, held while the text is made. The feed waits for it, other clients do not.
        let now = self.now.borrow_and_update();
        let market = &now.market;
        let mut text = Vec::new();
        if !self.has_begun {
            self.has_begun = true;
            // How long a browser waits before it comes back, in milliseconds.
            text.extend_from_slice(b"retry: 1000\n\n");
        }
        let view = match self.seen {
            None => View::snapshot(market, &self.wanted, &self.live.source),
            Some(seen) => View::update(market, &self.wanted, seen),
        };
        if let Some(seen) = self.seen {
            // Before the update and without an id. If the connection breaks in between, the client
            // comes back with the id that it had, and gets them again: twice, but not never.
            let alerts = market.alerts().filter(|alert| alert.version > seen);
            for alert in alerts.filter(|alert| self.wanted.has(alert.symbol)) {
                event(&mut text, "alert", alert);
            }
        }
        if self.seen.is_none() || !view.is_empty() {
            let id = format!("id: {}-{}\n", self.live.epoch, market.version());
            text.extend_from_slice(id.as_bytes());
            let name = if self.seen.is_none() {
                "snapshot"
            } else {
                "update"
            };
            event(&mut text, name, &view);
        }
        self.seen = Some(market.version());
        if now.has_ended {
            self.is_over = true;
            text.extend_from_slice(b"event: end\ndata: {}\n\n");
        }
        // Empty where only others' symbols have changed.
        (!text.is_empty()).then_some(text)
    }

    fn send(&mut self, text: Vec<u8>) -> Bytes {
        self.live.count(text.len());
        self.last_sent = Instant::now();
        let (dropped, taken) = oneshot::channel();
        self.in_flight = Some(taken);
        Bytes::from_owner(InFlight {
            text,
            _dropped: dropped,
        })
    }
}

/// An update on its way to the socket.
///
/// hyper has a queue of its own: while the socket is full, it would ask for more pieces, up to
/// sixteen, and these would be old when the socket takes them. So this one tells when it is dropped,
/// which hyper does when the system has taken its last byte, and the next one is not made before.
struct InFlight {
    text: Vec<u8>,
    _dropped: oneshot::Sender<()>,
}

impl AsRef<[u8]> for InFlight {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

/// One event. JSON has no line ends in it, so it is one line of data.
fn event(text: &mut Vec<u8>, name: &str, data: &impl Serialize) {
    text.extend_from_slice(format!("event: {name}\ndata: ").as_bytes());
    // Into memory and of types that cannot fail.
    let _ = serde_json::to_writer(&mut *text, data);
    text.extend_from_slice(b"\n\n");
}
