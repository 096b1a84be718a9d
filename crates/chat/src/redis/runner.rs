//! The one who listens to Redis, tells it who leaves, and finds it again after a break.

use std::sync::Arc;
use std::time::Duration;

use ::redis::{Msg, PushInfo, PushKind, RedisResult};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::script::{self, Answer, Snapshot};
use super::{Bus, Link, Pushes, channel, dial, room_of};
use crate::names::folded;
use crate::ring::Session;
use crate::rooms::{Note, Room, Rooms, new_epoch};

/// How often a process says that it lives, and after how many seconds of silence it is dead.
const BEAT: Duration = Duration::from_secs(1);
const DEAD: u64 = 3;
/// The shortest and the longest wait for a Redis that is gone.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(3);

/// Runs beside the server.
pub(crate) struct Runner {
    bus: Arc<Bus>,
    /// The last connection. Others may have given it up already.
    link: Link,
    pushes: Pushes,
    notes: mpsc::UnboundedReceiver<Note>,
}

/// Why the connection cannot be used further.
enum Break {
    /// It is gone.
    Gone,
    /// It is there, but what we know may be wrong.
    Doubt,
}

impl Runner {
    pub(super) async fn start(
        bus: Arc<Bus>,
        notes: mpsc::UnboundedReceiver<Note>,
    ) -> RedisResult<Self> {
        let (link, pushes) = restore(&bus, "", new_epoch()).await?;
        Ok(Self {
            bus,
            link,
            pushes,
            notes,
        })
    }

    pub(crate) fn rooms(&self) -> Arc<Rooms> {
        Arc::clone(&self.bus.rooms)
    }

    /// Does its work for as long as `work` takes, and then says good-bye for everyone here.
    pub(crate) async fn run_while(mut self, work: impl Future<Output = ()>) {
        tokio::select! {
            () = work => {}
            () = self.run() => {}
        }
        if let Some(link) = self.bus.link() {
            let arguments = [link.process];
            let bye = script::run(&link.connection, script::BYE, &arguments);
            // If it does not get there, the others find out.
            let _ = timeout(BEAT, bye).await.unwrap_or(Ok(()));
        }
    }

    async fn run(&mut self) {
        loop {
            let mut gone = matches!(self.listen().await, Break::Gone);
            self.bus.set_link(None);
            let (mut wait, mut told) = (SHORTEST, false);
            // One name for all attempts: what an attempt has entered before it failed is ours too.
            let process = new_epoch();
            loop {
                if gone && !std::mem::replace(&mut told, true) {
                    eprintln!("chat: Redis is gone; trying to find it again");
                }
                match restore(&self.bus, &self.link.process, process.clone()).await {
                    Ok((link, pushes)) => {
                        (self.link, self.pushes) = (link, pushes);
                        break;
                    }
                    Err(_) => self.pause(wait).await,
                }
                gone = true;
                // Not all processes at the same moment.
                wait = (wait * 2)
                    .min(LONGEST)
                    .mul_f64(fastrand::f64() / 2.0 + 0.75);
            }
            if told {
                eprintln!("chat: Redis is there");
            }
        }
    }

    /// Waits, and forgets who leaves: what we say after the break is who is here.
    async fn pause(&mut self, wait: Duration) {
        let forget = async {
            while self.notes.recv().await.is_some() {}
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = sleep(wait) => {}
            () = forget => {}
        }
    }

    /// Does everything there is to do on one connection, until it breaks.
    async fn listen(&mut self) -> Break {
        let link = self.link.clone();
        let doubt = Arc::clone(&self.bus.doubt);
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                push = self.pushes.recv() => match push {
                    Some(push) if push.kind != PushKind::Disconnection => self.hear(push).await,
                    _ => return Break::Gone,
                },
                Some(note) = self.notes.recv() => {
                    if self.pass_on(&link, note).await.is_err() {
                        return Break::Gone;
                    }
                }
                _ = beats.tick() => match beat(&link, false, "").await {
                    Ok(true) => {}
                    // We were silent for so long that the others have taken us for dead.
                    Ok(false) => return Break::Doubt,
                    Err(_) => return Break::Gone,
                },
                () = doubt.notified() => return Break::Doubt,
            }
        }
    }

    async fn hear(&self, push: PushInfo) {
        let Some(message) = Msg::from_push_info(push) else {
            return;
        };
        let room = room_of(message.get_channel_name()).and_then(|room| self.bus.rooms.get(room));
        if let Some(room) = room {
            while !room.hear(message.get_payload_bytes()) {
                yield_now().await;
            }
        }
    }

    async fn pass_on(&self, link: &Link, note: Note) -> RedisResult<()> {
        match note {
            Note::Left {
                room,
                name,
                session,
            } => {
                let (key, session) = (folded(&name), session.to_string());
                let arguments = [&room, &key, &link.process, &session, &name];
                script::run(&link.connection, script::LEAVE, &arguments).await
            }
            Note::Empty { room } => self.bus.settle(link, &room).await,
        }
    }
}

/// Connects, listens to all rooms, tells who is here, and asks what happened meanwhile. `before` is
/// what this process was called until now, `process` what it is called from now on.
async fn restore(bus: &Bus, before: &str, process: String) -> RedisResult<(Link, Pushes)> {
    let (connection, pushes) = dial(&bus.client, Arc::clone(&bus.doubt)).await?;
    let link = Link {
        connection,
        process,
    };
    beat(&link, true, "").await?;
    let mut heard = bus.heard.lock().await;
    heard.clear();
    for room in bus.rooms.all() {
        let mut connection = link.connection.clone();
        connection.subscribe(channel(&room.name)).await?;
        heard.insert(room.name.clone());
        sync(&link, &room, before).await?;
    }
    // Those who have left meanwhile are still under the old name.
    beat(&link, true, before).await?;
    bus.set_link(Some(link.clone()));
    Ok((link, pushes))
}

/// As [`Answer`], and who has lost the name.
type Synced = (String, u64, u64, Vec<String>, Vec<String>, Vec<Session>);

async fn sync(link: &Link, room: &Room, before: &str) -> RedisResult<()> {
    let (epoch, last, order) = {
        let state = room.state();
        (state.epoch.clone(), state.last, state.order)
    };
    // Nobody has come in yet.
    if epoch.is_empty() {
        return Ok(());
    }
    let mut arguments = vec![
        room.name.clone(),
        link.process.clone(),
        before.to_owned(),
        epoch,
    ];
    arguments.extend([last.to_string(), order.to_string()]);
    for (session, name) in room.members() {
        arguments.extend([folded(&name), session.to_string(), name]);
    }
    let synced = script::run(&link.connection, script::SYNC, &arguments).await?;
    let (epoch, last, order, people, history, nameless): Synced = synced;
    let answer: Answer = (epoch, last, order, people, history);
    room.restore(Snapshot::from(answer), nameless);
    Ok(())
}

/// Whether the others still take us for alive.
async fn beat(link: &Link, first: bool, before: &str) -> RedisResult<bool> {
    let (patience, first) = (DEAD.to_string(), u8::from(first).to_string());
    let arguments = [link.process.as_str(), &patience, &first, before];
    script::run(&link.connection, script::BEAT, &arguments).await
}
