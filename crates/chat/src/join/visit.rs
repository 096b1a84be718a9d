//! One person's stay in a room, over as many connections as it takes.

use std::convert::Infallible;
use std::io::{IsTerminal as _, stdin, stdout};
use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::http::Uri;

use super::ledger::{Arrival, Ledger, Settled};
use super::link::{End, Socket, connect, encoded, receive, send};
use super::screen::{Entry, Gone, Screen};
use super::{JoinError, backoff, keyboard};
use crate::names;
use crate::protocol::{ClientMessage, Said, ServerMessage};

/// How long to wait for a connection, and for its welcome.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often we ping. A server that is silent for two of these is gone.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// For so long after a break the server may take our last connection for alive, and our name with it.
const GRACE: Duration = Duration::from_mins(2);
/// How long a refused line of a pipe waits until it is sent again; the second time twice as long.
const AGAIN: Duration = Duration::from_millis(300);

/// What is left of a [`ServerMessage::Welcome`].
struct Welcome {
    epoch: String,
    people: Vec<String>,
    history: Vec<Said>,
    missed: u64,
}

impl From<Gone> for End {
    fn from(Gone: Gone) -> Self {
        Self::Left
    }
}

#[derive(Debug)]
pub(super) struct Visit {
    server: Uri,
    name: String,
    room: String,
    screen: Screen,
    lines: mpsc::Receiver<String>,
    /// Lines are typed, so they stand on the terminal already.
    typed: bool,
    ledger: Ledger,
    /// Lines that no server would take.
    not_sent: usize,
    failures: u32,
    broken_since: Option<Instant>,
    /// Heartbeats since the last frame.
    silent: u32,
}

impl Visit {
    pub(super) fn new(server: Uri, name: &str, room: &str) -> Self {
        Self {
            server,
            name: name.to_owned(),
            room: room.to_owned(),
            screen: Screen::open(),
            lines: keyboard::lines(),
            typed: stdin().is_terminal() && stdout().is_terminal(),
            ledger: Ledger::default(),
            not_sent: 0,
            failures: 0,
            broken_since: None,
            silent: 0,
        }
    }

    pub(super) fn was_inside(&self) -> bool {
        self.ledger.was_inside()
    }

    /// One connection, from its first packet to its end.
    ///
    /// It is put into `socket`, and stays there when this future is dropped.
    pub(super) async fn connect_and_talk(&mut self, socket: &mut Option<Socket>) -> End {
        let socket = match timeout(PATIENCE, connect(&self.server)).await {
            Ok(Ok(new)) => socket.insert(new),
            Ok(Err(end)) => return end,
            Err(_) => return End::Lost(format!("{} does not answer", self.server)),
        };
        self.silent = 0;
        let Err(end) = self.talk(socket).await;
        end
    }

    async fn talk(&mut self, socket: &mut Socket) -> Result<Infallible, End> {
        // The time limit is for the server; our terminal may take as long as it likes.
        let Ok(welcome) = timeout(PATIENCE, self.enter(socket)).await else {
            return Err(End::Lost("the server does not let us in".to_owned()));
        };
        self.welcome(welcome?).await?;
        self.send_line(socket).await?;
        let mut beat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Completes when a refused line is to be sent again.
        let mut again = pin!(sleep(Duration::MAX));
        loop {
            tokio::select! {
                message = receive(socket, &mut self.silent) => {
                    if let Some(wait) = self.hear(message?).await? {
                        again.set(sleep(wait));
                    }
                }
                // A pipe is read only as fast as the server takes it.
                line = self.lines.recv(), if self.ledger.is_through() => {
                    self.take_line(&line.ok_or(End::Left)?).await?;
                    self.send_line(socket).await?;
                }
                () = self.screen.gone() => return Err(End::Left),
                () = &mut again => {
                    again.set(sleep(Duration::MAX));
                    self.send_line(socket).await?;
                }
                _ = beat.tick() => {
                    // Counted, not read off a clock: while our terminal stood still, we were deaf.
                    if self.silent == 2 {
                        return Err(End::Lost("the server is silent".to_owned()));
                    }
                    self.silent += 1;
                    send(socket, Message::Ping("".into())).await?;
                }
            }
        }
    }

    /// Says who we are, and waits for the welcome.
    async fn enter(&mut self, socket: &mut Socket) -> Result<Welcome, End> {
        let (after, of) = self.ledger.seen();
        let name = self.name.clone();
        let room = self.room.clone();
        send(
            socket,
            encoded(&ClientMessage::Join {
                name,
                room,
                after,
                of,
            }),
        )
        .await?;
        loop {
            match receive(socket, &mut self.silent).await {
                Ok(ServerMessage::Welcome {
                    epoch,
                    people,
                    history,
                    missed,
                    ..
                }) => {
                    return Ok(Welcome {
                        epoch,
                        people,
                        history,
                        missed,
                    });
                }
                Ok(_) => {} // nothing else comes before it
                Err(End::Taken(reason)) => {
                    // The server may not have noticed yet that our last connection is gone.
                    let recently = |since: Instant| since.elapsed() < GRACE;
                    let by_us = self.was_inside() && self.broken_since.is_some_and(recently);
                    return Err(if by_us {
                        End::Lost(reason)
                    } else {
                        End::Over(reason)
                    });
                }
                Err(end) => return Err(end),
            }
        }
    }

    async fn welcome(&mut self, welcome: Welcome) -> Result<(), End> {
        let Welcome {
            epoch,
            people,
            history,
            missed,
        } = welcome;
        let arrival = self.ledger.arrive(epoch);
        let is_back = arrival != Arrival::First;
        self.failures = 0;
        self.broken_since = None;
        if is_back {
            self.note("connected again").await?;
        }
        if arrival == Arrival::Restarted {
            self.note("the server was restarted and counts anew")
                .await?;
        }
        if is_back && missed > 0 {
            self.note(format!("{} no longer kept", messages(missed)))
                .await?;
            // They are told; `see` need not find them missing.
            if let Some(first) = history.first() {
                self.ledger.skip_to(first.id.saturating_sub(1));
            }
        }
        let hole = arrival == Arrival::Restarted || missed > 0;
        if let Settled::Unknown(text) = self.ledger.settle(&history, hole, &self.name) {
            self.not_sent += 1;
            self.note(format!("nobody can say whether this was heard: {text}"))
                .await?;
        }
        for said in history {
            // What we typed stands here already.
            let is_on_screen = is_back && self.typed && said.name == self.name;
            self.show(said, is_on_screen).await?;
        }
        if !is_back {
            self.note(self.where_we_are(&people)).await?;
        }
        Ok(())
    }

    fn where_we_are(&self, people: &[String]) -> String {
        let is_other = |one: &&str| *one != self.name;
        let others: Vec<&str> = people.iter().map(String::as_str).filter(is_other).collect();
        let with = match others.len() {
            0 => "nobody else is here".to_owned(),
            1..=20 => format!("here: {}", others.join(", ")),
            n => format!("{n} others are here"),
        };
        format!(
            "{}, you are in {}; {with}; Ctrl-C leaves",
            self.name, self.room
        )
    }

    /// One message of the server. If our line is to be sent again: after how long.
    async fn hear(&mut self, message: ServerMessage) -> Result<Option<Duration>, End> {
        match message {
            ServerMessage::Said(said) => {
                let is_on_screen = self.typed && said.name == self.name;
                self.show(said, is_on_screen).await?;
            }
            ServerMessage::Accepted { reference, id } => self.ledger.accepted(&reference, id),
            ServerMessage::Refused { reference, reason } => {
                return self.refused(reference.as_deref(), &reason).await;
            }
            ServerMessage::Joined { name } => self.note(format!("{name} joined")).await?,
            ServerMessage::Left { name } => self.note(format!("{name} left")).await?,
            ServerMessage::Missed { count, last, .. } => {
                self.ledger.skip_to(last);
                let count = messages(count);
                self.note(format!("{count} missed: this end was too slow"))
                    .await?;
            }
            // The close that follows gives the same reason.
            ServerMessage::Closing { .. }
            | ServerMessage::People { .. }
            | ServerMessage::Welcome { .. } => {}
        }
        Ok(None)
    }

    async fn refused(
        &mut self,
        reference: Option<&str>,
        reason: &str,
    ) -> Result<Option<Duration>, End> {
        let Some(line) = self.ledger.refused(reference) else {
            self.note(reason).await?;
            return Ok(None);
        };
        if self.typed {
            self.note(format!("not sent ({reason}): {}", line.text))
                .await?;
            return Ok(None);
        }
        // Its text is one that a server takes (`take_line`), so it only came too soon.
        if line.refused == 0 {
            self.note(format!("waiting: {reason}")).await?;
        }
        let wait = AGAIN * 2_u32.pow(line.refused.min(5));
        self.ledger.put_back(line);
        Ok(Some(wait))
    }

    /// Shows a message, and says so if there should have been others before it.
    async fn show(&mut self, said: Said, is_on_screen: bool) -> Result<(), End> {
        let Some(gap) = self.ledger.see(said.id) else {
            return Ok(());
        };
        if gap > 0 {
            self.note(format!("{} missed", messages(gap))).await?;
        }
        if !is_on_screen {
            let Said { name, text, .. } = said;
            self.screen.show(Entry::Said { name, text }).await?;
        }
        Ok(())
    }

    /// Takes a line for the next one to send, if it is one that a server takes.
    async fn take_line(&mut self, line: &str) -> Result<(), End> {
        match names::text(line) {
            Ok(text) => self.ledger.take(text),
            Err(_) if line.trim().is_empty() => {}
            Err(reason) => {
                self.not_sent += 1;
                let beginning: String = line.chars().take(60).collect();
                self.note(format!("not sent ({reason}): {beginning}"))
                    .await?;
            }
        }
        Ok(())
    }

    async fn send_line(&mut self, socket: &mut Socket) -> Result<(), End> {
        let Some(line) = self.ledger.next_to_send() else {
            return Ok(());
        };
        let text = line.text.clone();
        let reference = Some(line.reference.clone());
        send(socket, encoded(&ClientMessage::Say { text, reference })).await
    }

    /// While the connection is broken: completes when there is nothing left to say and nothing more
    /// will come, or when nobody reads.
    pub(super) async fn nothing_to_say(&mut self) {
        while !self.ledger.has_line() {
            let line = tokio::select! {
                line = self.lines.recv() => line,
                () = self.screen.gone() => None,
            };
            let Some(line) = line else { return };
            if self.take_line(&line).await.is_err() {
                return;
            }
        }
        self.screen.gone().await;
    }

    pub(super) fn wait_before_next(&mut self) -> Duration {
        self.broken_since.get_or_insert_with(Instant::now);
        self.failures = self.failures.saturating_add(1);
        backoff(self.failures - 1)
    }

    pub(super) async fn tell_wait(&self, reason: &str, wait: Duration) {
        let seconds = wait.as_secs_f64();
        let _ = self
            .note(format!("trying again in {seconds:.1} s: {reason}"))
            .await;
    }

    pub(super) async fn say_left(&self) {
        if self.was_inside() {
            let _ = self.note(format!("you left {}", self.room)).await;
        }
    }

    pub(super) fn result(&self) -> Result<(), JoinError> {
        match self.not_sent {
            0 => Ok(()),
            _ if self.typed => Ok(()), // who typed them has read what became of them
            n => Err(JoinError::NotSent(n)),
        }
    }

    /// Waits until all is printed.
    pub(super) async fn finish(self) {
        self.screen.finish().await;
    }

    async fn note(&self, text: impl Into<String>) -> Result<(), End> {
        Ok(self.screen.show(Entry::Note(text.into())).await?)
    }
}

fn messages(n: u64) -> String {
    format!("{n} {}", if n == 1 { "message" } else { "messages" })
}
