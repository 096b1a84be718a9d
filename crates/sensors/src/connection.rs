//! One connection, from its hello to its end.
//!
//! Two halves run at the same time, in one task: one reads lines and takes them, the other writes
//! what waits in the outbox. Whichever ends first ends the connection. Nothing here waits without a
//! deadline, and nothing here grows with what a device sends.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::device::{Order, Outgoing};
use crate::event::{Event, Why};
use crate::gateway::{Attendance, CommandError, Gateway};
use crate::handshake::{Reader, Writer, hello, say_goodbye, split};
use crate::limits::{BadLines, Rate};
use crate::wire::{self, Ack, BadLine, Command, FromDevice, ToDevice};

/// How far a device's clock may be off, in milliseconds.
const CLOCK: u64 = 60_000;
/// After so long without a reading too many, the next flood is a new one.
const CALM: Duration = Duration::from_secs(10);

/// Serves a connection until it ends.
pub(crate) async fn attend<T>(gateway: &Gateway, io: T)
where
    T: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut writer, mut reader) = split(io);
    let hello = timeout(gateway.options().hello_within, hello(&mut reader));
    let hello = gateway.stopping().run_until_cancelled(hello).await;
    let refused = match hello {
        None => Some("the gateway stops".to_owned()),
        Some(Err(_)) => Some(format!(
            "no hello within {} s",
            gateway.options().hello_within.as_secs_f64()
        )),
        Some(Ok(Err(why))) => Some(why),
        Some(Ok(Ok(id))) => {
            let (sender, outbox) = mpsc::channel(gateway.options().commands);
            match gateway.enter(&id, sender.clone()) {
                Err(_) => Some("the gateway is full".to_owned()),
                Ok(attendance) => {
                    talk(
                        gateway,
                        attendance,
                        &mut writer,
                        &mut reader,
                        sender,
                        outbox,
                    )
                    .await;
                    None
                }
            }
        }
    };
    if let Some(why) = refused {
        gateway.counters().refused.add_one();
        say_goodbye(&mut writer, &mut reader, Vec::new(), Some(why)).await;
    }
}

/// Everything after the hello.
async fn talk<T>(
    gateway: &Gateway,
    mut attendance: Attendance,
    writer: &mut Writer<T>,
    reader: &mut Reader<T>,
    sender: mpsc::Sender<Outgoing>,
    mut outbox: mpsc::Receiver<Outgoing>,
) where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let talk = Talk {
        gateway,
        attendance: &attendance,
        sender,
        unanswered: Mutex::default(),
    };
    let why = tokio::select! {
        // In this order, because a device that sends without a pause must not keep the others from
        // their turn.
        biased;
        () = attendance.closing.cancelled() => {
            if gateway.stopping().is_cancelled() { Why::Stopping } else { Why::Replaced }
        }
        why = talk.write(writer, &mut outbox) => why,
        why = talk.read(reader) => why,
    };
    // Who waits for an answer of this device need not wait for the goodbye.
    drop(talk);
    outbox.close();
    let mut left = Vec::new();
    while let Ok(outgoing) = outbox.try_recv() {
        if let Outgoing::Line(line) = outgoing {
            left.push(line);
        }
    }
    attendance.why = why.clone();
    drop(attendance);
    let bye = match why {
        Why::Closed | Why::Broken(_) | Why::NotReading(_) => None,
        why => Some(why.to_string()),
    };
    say_goodbye(writer, reader, left, bye).await;
}

/// What the two halves share.
struct Talk<'a> {
    gateway: &'a Gateway,
    attendance: &'a Attendance,
    sender: mpsc::Sender<Outgoing>,
    /// Commands that were sent, by number. Both halves are in one task, so nobody ever waits for the
    /// lock; but a `RefCell` would tie that task to one thread.
    unanswered: Mutex<BTreeMap<u64, Order>>,
}

impl Talk<'_> {
    fn unanswered(&self) -> MutexGuard<'_, BTreeMap<u64, Order>> {
        let unanswered = self.unanswered.lock();
        unanswered.unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the welcome, and then whatever the outbox brings.
    async fn write<T>(&self, writer: &mut Writer<T>, outbox: &mut mpsc::Receiver<Outgoing>) -> Why
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let within = self.gateway.options().write_within;
        let mut line = wire::line(&ToDevice::Welcome {
            welcome: self.attendance.device.id.to_string(),
            every: self.attendance.device.lock().every.as_secs_f64(),
        });
        let mut number = 0;
        loop {
            match timeout(within, writer.send(line)).await {
                Err(_) => return Why::NotReading(within),
                Ok(Err(error)) => return Why::Broken(error.to_string()),
                Ok(Ok(())) => {}
            }
            line = loop {
                match outbox.recv().await {
                    // Never: this half has a sender by its neighbour.
                    None => return Why::Replaced,
                    Some(Outgoing::Line(line)) => break line,
                    // Who asked for it has given up: better not done than done late.
                    Some(Outgoing::Order(order)) if order.reply.is_closed() => {}
                    Some(Outgoing::Order(order)) => {
                        number += 1;
                        let command = ToDevice::Command {
                            command: number,
                            order: order.command.clone(),
                        };
                        if self.expect_answer(number, order) {
                            self.gateway.counters().commands.add_one();
                            break wire::line(&command);
                        }
                    }
                }
            };
        }
    }

    /// Keeps an order until it is answered. There is room for so many; those that nobody waits for
    /// any more make room first.
    fn expect_answer(&self, number: u64, order: Order) -> bool {
        let mut unanswered = self.unanswered();
        if unanswered.len() >= self.gateway.options().commands {
            let given_up = unanswered.iter().find(|(_, order)| order.reply.is_closed());
            let Some(given_up) = given_up.map(|(&number, _)| number) else {
                let _ = order.reply.send(Err(CommandError::Busy));
                return false;
            };
            unanswered.remove(&given_up);
        }
        unanswered.insert(number, order);
        true
    }

    /// Reads lines until there are none, or none that one would want to read.
    async fn read<T>(&self, reader: &mut Reader<T>) -> Why
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let options = self.gateway.options();
        let mut rate = Rate::new(options.rate, Instant::now());
        let mut calm_until = Instant::now();
        let mut bad_lines = BadLines::default();
        loop {
            // Of a device whose cable was pulled nothing comes, not even an end: this deadline is
            // the only thing that finds it.
            let patience = self.attendance.device.lock().every;
            let patience = patience.saturating_mul(options.missed);
            let line = match timeout(patience, reader.next()).await {
                Err(_) => return Why::Silent(patience),
                Ok(None) => return Why::Closed,
                Ok(Some(Err(error))) => return Why::Broken(error.to_string()),
                Ok(Some(Ok(line))) => line,
            };
            let now = Instant::now();
            self.attendance.device.lock().heard = now;
            let too_fast = rate.take(now).err();
            let flood_begins = too_fast.is_some() && now >= calm_until;
            match self.take_line(line, too_fast.is_some()) {
                Ok(()) => bad_lines.good(),
                Err(error) => {
                    self.complain(&error);
                    if let Err(too_many) = bad_lines.bad(now) {
                        return Why::BadLines(too_many);
                    }
                }
            }
            if flood_begins {
                self.gateway.tell(Event::Flooding {
                    device: self.attendance.device.id.clone(),
                    limit: options.rate,
                });
            }
            if let Some(next) = too_fast {
                calm_until = now + CALM;
                // As long as nothing is read, the system's buffers fill up, and then the device
                // cannot send: this one, and no other.
                sleep_until(next).await;
            }
        }
    }

    fn take_line(&self, line: Result<String, BadLine>, too_fast: bool) -> Result<(), BadLine> {
        match wire::parse(&line?)? {
            FromDevice::Reading { .. } if too_fast => {
                self.attendance.device.lock().dropped += 1;
                self.gateway.counters().dropped.add_one();
                Ok(())
            }
            FromDevice::Reading { at, kind, value } => self.take_reading(at, &kind, value),
            FromDevice::Ack { number, ack } => {
                self.take_ack(number, ack);
                Ok(())
            }
            FromDevice::Hello(_) => Err(BadLine::NotUnderstood(
                "hello is the first line of a connection, and no other".to_owned(),
            )),
        }
    }

    fn take_reading(&self, at: i64, kind: &str, value: f64) -> Result<(), BadLine> {
        let bad_clock = at.abs_diff(now_in_milliseconds()) > CLOCK;
        let device = &self.attendance.device;
        let uptime = self.gateway.uptime();
        let kind = device.lock().measured(kind, value, bad_clock, uptime)?;
        if bad_clock {
            self.gateway.counters().bad_clock.add_one();
        } else {
            self.gateway.counters().readings.add_one();
        }
        self.gateway.tell(Event::Reading {
            device: device.id.clone(),
            kind,
            value,
            at,
            bad_clock,
        });
        Ok(())
    }

    /// An answer to a command. To one that was never sent, or too long ago, it is ignored.
    fn take_ack(&self, number: u64, ack: Ack) {
        let Some(order) = self.unanswered().remove(&number) else {
            return;
        };
        // Also if who asked has given up: the device sends at this pace now, and would be taken for
        // silent.
        if let Command::SetInterval { seconds } = order.command
            && ack.ok
        {
            self.attendance.device.lock().every = Duration::from_secs_f64(seconds);
        }
        if order.reply.send(Ok(ack)).is_ok() {
            self.gateway.counters().acks.add_one();
        }
    }

    /// Tells the device, and whoever listens, what is wrong with its line.
    fn complain(&self, error: &BadLine) {
        let error = error.to_string();
        self.attendance.device.lock().bad_lines += 1;
        self.gateway.counters().bad_lines.add_one();
        self.gateway.tell(Event::BadLine {
            device: self.attendance.device.id.clone(),
            error: error.clone(),
        });
        // If the outbox is full, the device does not read what it is told.
        let _ = self
            .sender
            .try_send(Outgoing::Line(wire::line(&ToDevice::Error { error })));
    }
}

/// The clock on the wall, of which devices have one too.
fn now_in_milliseconds() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
