//! One client's conversation: a join, then what it says and what the room says, until one side
//! closes.
//!
//! One task does it all, so nothing of it needs a lock, and an idle client costs one task. It reads
//! while it writes: a client that does not read is still heard, and cannot keep us from its close.
//!
//! [`talk`] is the whole of it: `run` is `join` and then `stay`, and `part` says the last words.
//! `stay` is a `select!` between what can happen next, as in chapter 12. What it has to say it puts
//! in a queue ([`Wire::waiting`](crate::wire::Wire::waiting)); only `turn` touches the socket, both
//! ways in one poll. `Err` is always the way out: an [`End`] says why the conversation is over.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures::future::{BoxFuture, OptionFuture};
use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Duration, Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::chat::{Chat, NoJoin, NotSaid, Say};
use crate::ending::{self, End, flood, stopping};
use crate::limits::{Allowance, Flood};
use crate::names;
use crate::protocol::{ClientMessage, MAX_MESSAGE_BYTES, MAX_REF, ServerMessage, close};
use crate::seat::Seat;
use crate::wire::{self, Socket};

/// A room hands out so many frames, of so many bytes, at a time.
const FRAMES_AT_ONCE: usize = 64;
const BYTES_AT_ONCE: usize = 64 * 1024;
/// While more frames than this wait for a client, we read nothing more from it.
const MOST_WAITING: usize = FRAMES_AT_ONCE + 32;
/// A message in the smallest pieces takes eight times its size. Who sends more without a message is
/// up to something.
const MOST_WITHOUT_MESSAGE: usize = 16 * MAX_MESSAGE_BYTES;
/// How long a client may take to hear why we close.
const FAREWELL: Duration = Duration::from_secs(2);

/// An answer that is still to come: what the sender called its message, and what became of it.
type Saying = BoxFuture<'static, (Option<String>, Result<u64, NotSaid>)>;

struct Conversation {
    socket: Socket,
    chat: Arc<Chat>,
    allowance: Option<Allowance>,
    /// Something was heard since the last heartbeat.
    heard: bool,
    /// Something waits to be written. While it does, nothing more is taken from the room.
    writing: bool,
    /// And the client does not take it: the room does not wait for it any more.
    stuck: bool,
}

/// Talks to a client until the end.
pub(crate) async fn talk(socket: Socket, chat: Arc<Chat>) {
    let limits = &chat.options;
    let mut conversation = Conversation {
        socket,
        allowance: (limits.burst > 0).then(|| Allowance::new(limits.burst, limits.rate)),
        chat,
        heard: true,
        writing: false,
        stuck: false,
    };
    let end = conversation.run().await;
    conversation.part(end).await;
}

impl Conversation {
    async fn run(&mut self) -> End {
        let chat = Arc::clone(&self.chat);
        // Once, not in each turn: each new one would take a lock that all connections share.
        let mut stopped = pin!(chat.stop.cancelled());
        // In a box, which goes away: what it takes to join is more than what it takes to stay.
        let joining = Box::pin(timeout(chat.options.join_within, self.join()));
        let joined = tokio::select! {
            () = &mut stopped => Err(stopping()),
            joined = joining => joined.unwrap_or_else(|_| {
                Err(End::Close(close::NO_JOIN, "nobody has joined in time".to_owned()))
            }),
        };
        let (seat, name) = match joined {
            Ok(joined) => joined,
            Err(end) => return end,
        };
        tokio::select! {
            biased;
            () = stopped => stopping(),
            end = self.stay(seat, &name) => end,
        }
    }

    /// Waits for the join, and welcomes who it is.
    async fn join(&mut self) -> Result<(Seat, String), End> {
        let text = loop {
            if let Some(text) = self.turn(true).await? {
                break text;
            }
        };
        let ClientMessage::Join {
            name,
            room,
            after,
            of,
        } = parse(&text)?
        else {
            return Err(End::Bad("join first".to_owned()));
        };
        let name = names::person(&name).map_err(End::Bad)?;
        let room = names::room(&room).map_err(End::Bad)?;
        let joined = self.chat.join(name, room, after, of.as_deref()).await;
        let (seat, welcome) = joined.map_err(|no| match no {
            NoJoin::Taken => End::Close(
                close::NAME_TAKEN,
                format!("{name} is in this room already; take another name"),
            ),
            NoJoin::Later(reason) => End::Close(close::TRY_AGAIN, reason),
        })?;
        self.queue(wire::text(&welcome));
        Ok((seat, name.to_owned()))
    }

    /// Carries messages both ways.
    async fn stay(&mut self, mut seat: Seat, name: &str) -> End {
        let every = self.chat.options.heartbeat;
        let mut heartbeat = pin!(sleep(every));
        let mut silent = 0;
        let mut saying: Option<Saying> = None;
        let mut more = true;
        loop {
            // Nothing new for a client while it has not taken what it was given: that is what makes
            // a slow one miss messages of the room instead of filling our memory.
            if !self.writing && (more || seat.has_changed()) {
                let taken = seat.take(FRAMES_AT_ONCE, BYTES_AT_ONCE);
                more = taken.more;
                for frame in taken.frames {
                    self.queue(frame);
                }
                if let Some((code, reason)) = taken.expelled {
                    return End::Close(code, reason.to_owned());
                }
            }
            let idle = !self.writing;
            // One message after the other, or answers would change places.
            let read = saying.is_none();
            tokio::select! {
                biased;
                text = self.turn(read) => match text {
                    // From now on nobody waits for this client; it may miss something.
                    Ok(None) if self.stuck => seat.stuck(),
                    Ok(None) => {}
                    Ok(Some(text)) => match self.hear(&text, &seat, name) {
                        Ok(answer) => saying = answer,
                        Err(end) => return end,
                    },
                    Err(end) => return end,
                },
                Some((reference, result)) = OptionFuture::from(saying.as_mut()) => {
                    saying = None;
                    match result {
                        Ok(id) => self.answer(reference, Ok(id)),
                        Err(NotSaid::Surely(reason)) => self.answer(reference, Err(reason)),
                        Err(NotSaid::Perhaps(reason)) => {
                            return End::Close(close::TRY_AGAIN, reason);
                        }
                    }
                }
                () = seat.changed(), if idle => more = true,
                () = heartbeat.as_mut() => {
                    let alive = self.heard | self.socket.get_mut().went_on();
                    silent = if alive { 0 } else { silent + 1 };
                    if silent == 2 {
                        let reason = "nothing was heard for two heartbeats";
                        return End::Close(close::NO_PONG, reason.to_owned());
                    }
                    self.heard = false;
                    self.ping();
                    heartbeat.as_mut().reset(Instant::now() + every);
                }
            }
        }
    }

    /// Reads and writes until there is a text, or it ends; or something else has changed (`None`).
    ///
    /// Cancel safe: what is half read or half written stays in the socket.
    async fn turn(&mut self, read: bool) -> Result<Option<Utf8Bytes>, End> {
        let message = poll_fn(|cx| {
            if self.writing {
                match self.socket.poll_flush_unpin(cx) {
                    Poll::Ready(Ok(())) => {
                        (self.writing, self.stuck) = (false, false);
                        return Poll::Ready(None);
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                    Poll::Pending if !self.stuck => {
                        self.stuck = true;
                        return Poll::Ready(None);
                    }
                    Poll::Pending => {}
                }
            }
            if !read || self.socket.get_mut().waiting().len() > MOST_WAITING {
                return Poll::Pending;
            }
            match self.socket.poll_next_unpin(cx) {
                Poll::Ready(Some(message)) => Poll::Ready(Some(message.map_err(End::from))),
                Poll::Ready(None) => Poll::Ready(Some(Err(End::Gone))),
                Poll::Pending if self.socket.get_ref().received > MOST_WITHOUT_MESSAGE => {
                    Poll::Ready(Some(Err(flood())))
                }
                Poll::Pending => Poll::Pending,
            }
        });
        let Some(message) = message.await.transpose()? else {
            return Ok(None);
        };
        self.heard = true;
        self.socket.get_mut().received = 0;
        match message {
            Message::Text(text) => Ok(Some(text)),
            Message::Binary(_) => {
                let reason = "this server speaks text, not binary".to_owned();
                Err(End::Close(close::BINARY, reason))
            }
            Message::Close(_) => Err(End::Closed),
            // tungstenite answers pings by itself.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                match self.allowance.as_mut().map(Allowance::other) {
                    Some(Err(Flood)) => Err(flood()),
                    _ => Ok(None),
                }
            }
        }
    }

    /// What a client says. An answer that takes time is for the caller to wait for.
    fn hear(&mut self, text: &str, seat: &Seat, name: &str) -> Result<Option<Saying>, End> {
        let ClientMessage::Say { text, reference } = parse(text)? else {
            return Err(End::Bad("joined already".to_owned()));
        };
        if reference
            .as_ref()
            .is_some_and(|it| it.chars().count() > MAX_REF)
        {
            return Err(End::Bad(format!("ref has at most {MAX_REF} characters")));
        }
        let allowed = self
            .allowance
            .as_mut()
            .map_or(Ok(Ok(())), Allowance::message);
        let result = match allowed.map_err(|Flood| flood())? {
            Ok(()) => names::text(&text),
            Err(wait) => Err(format!(
                "too fast; try again in {:.1} seconds",
                wait.as_secs_f64()
            )),
        };
        let text = match result {
            Ok(text) => text,
            Err(reason) => {
                self.answer(reference, Err(reason));
                return Ok(None);
            }
        };
        match self.chat.say(seat, name, text) {
            Say::Done(id) => self.answer(reference, Ok(id)),
            Say::Wait(answer) => {
                return Ok(Some(Box::pin(async { (reference, answer.await) })));
            }
        }
        Ok(None)
    }

    /// Tells the sender what became of its message.
    fn answer(&mut self, reference: Option<String>, result: Result<u64, String>) {
        let message = match (result, reference) {
            (Ok(id), Some(reference)) => ServerMessage::Accepted { reference, id },
            // It will see its message, and does not want to know more.
            (Ok(_), None) => return,
            (Err(reason), reference) => ServerMessage::Refused { reference, reason },
        };
        self.queue(wire::text(&message));
    }

    fn queue(&mut self, frame: Bytes) {
        self.socket.get_mut().waiting().push_back(frame);
        self.writing = true;
    }

    fn ping(&mut self) {
        // If there is no room for it, others wait already, and do as well.
        let _ = self.socket.start_send_unpin(Message::Ping(Bytes::new()));
        self.writing = true;
    }

    /// The last words. Whoever does not take them in time does without.
    async fn part(mut self, end: End) {
        let farewell = async {
            match end {
                End::Gone => return Ok(()),
                // tungstenite's answer to a close is written by reading on.
                End::Closed => while self.socket.next().await.is_some() {},
                End::Bad(reason) => self.close(close::BAD_MESSAGE, reason).await?,
                End::Close(code, reason) => self.close(code, reason).await?,
            }
            let mut stream = self.socket.into_inner().into_stream();
            stream.shutdown().await?;
            // A connection that is dropped while there is something to read is reset, and what we
            // have said last could be lost. So: until the client has closed too.
            let mut rest = [0; 512];
            while stream.read(&mut rest).await? > 0 {}
            Ok::<_, Error>(())
        };
        // An error here means that it has gone before.
        let _ = timeout(FAREWELL, Box::pin(farewell)).await;
    }

    async fn close(&mut self, code: u16, reason: String) -> Result<(), Error> {
        if code == close::GOING_AWAY {
            let reason = reason.clone();
            self.queue(wire::text(&ServerMessage::Closing { reason }));
        }
        let frame = ending::frame(code, reason);
        self.socket.send(Message::Close(Some(frame))).await
    }
}

fn parse(text: &str) -> Result<ClientMessage, End> {
    // serde would also take an array of the fields' values.
    if !text.trim_start().starts_with('{') {
        return Err(End::Bad("a message is a JSON object".to_owned()));
    }
    serde_json::from_str(text).map_err(|error| End::Bad(format!("not understood: {error}")))
}
