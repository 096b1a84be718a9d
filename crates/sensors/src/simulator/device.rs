//! One device: the other end of `connection.rs`.

use std::io;
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use futures::{SinkExt, StreamExt as _};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout, timeout_at};
use tokio_util::codec::{Framed, LinesCodec, LinesCodecError};
use tokio_util::sync::CancellationToken;

use super::{DeviceReport, Fault, Note, Profile, Progress, TYPES};
use crate::wire::{Command, ToDevice};

/// How long a device waits for the gateway to say welcome, or to close.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a device that lost its connection waits at least, and at most, before it tries again.
const PAUSE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));
/// How long a device with a pulled cable keeps its connection.
const UNPLUGGED: Duration = Duration::from_secs(10);
/// How long a flood goes on.
const FLOOD: Duration = Duration::from_secs(4);
/// Not even the beginning of a line of the protocol.
const GARBAGE: [&[u8]; 4] = [
    b"21.5;OK\n",
    b"\xff\xfe\x00\x00\n",
    b"{\"at\":1790000000000,\"kind\":\"tempe\n",
    b"{\"status\":\"fine\"}\n",
];

/// What all devices share.
pub(super) struct World<C> {
    pub(super) connect: C,
    pub(super) connecting: Semaphore,
    pub(super) stop: CancellationToken,
    pub(super) progress: Arc<Progress>,
    pub(super) note: Note,
}

/// What ends a connection.
enum End {
    /// The simulation is over.
    Stop,
    /// The device does not want it any more.
    Restart,
    /// The gateway has closed it, or it is broken.
    Lost,
}

type Wire<T> = Framed<T, LinesCodec>;

/// Lives until the simulation is over.
pub(super) async fn live<C, F, T>(profile: Profile, world: Arc<World<C>>) -> DeviceReport
where
    C: Fn() -> F,
    F: Future<Output = io::Result<T>>,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let stop = world.stop.clone();
    let start_after = profile.start_after;
    let mut device = Device::new(profile, &world.note, &world.progress, &stop);
    let mut pause = PAUSE.0;
    let mut wait = start_after;
    while stop.run_until_cancelled(sleep(wait)).await.is_some() {
        let connected = async {
            let _turn = world.connecting.acquire().await;
            let io = timeout(PATIENCE, (world.connect)()).await??;
            let mut wire = Framed::with_capacity(io, LinesCodec::new(), 256);
            let every = timeout(PATIENCE, device.greet(&mut wire)).await??;
            Ok::<_, io::Error>((wire, every))
        };
        wait = match stop.run_until_cancelled(connected).await {
            None => break,
            Some(Err(_)) => {
                world.progress.failed.fetch_add(1, Relaxed);
                pause = (pause * 2).min(PAUSE.1);
                pause
            }
            Some(Ok((wire, every))) => {
                pause = PAUSE.0;
                world.progress.connected.fetch_add(1, Relaxed);
                let end = device.talk(wire, every).await;
                world.progress.connected.fetch_sub(1, Relaxed);
                match end {
                    End::Stop => break,
                    End::Restart => PAUSE.0 / 4,
                    End::Lost => pause,
                }
            }
        };
        // Those that were lost together must not come back together.
        wait = wait.mul_f64(0.75 + device.rng.f64() / 2.0);
    }
    device.report
}

/// A device and what it has counted.
struct Device<'a> {
    report: DeviceReport,
    kinds: [&'static str; 2],
    value: f64,
    rng: fastrand::Rng,
    good_for: Duration,
    note: &'a Note,
    progress: &'a Progress,
    stop: &'a CancellationToken,
}

impl<'a> Device<'a> {
    fn new(
        profile: Profile,
        note: &'a Note,
        progress: &'a Progress,
        stop: &'a CancellationToken,
    ) -> Self {
        let of_type = ["flow", "opening", "level", "speed", "pressure"];
        let kinds = TYPES.iter().zip(of_type);
        let kind = kinds.filter(|(name, _)| profile.id.starts_with(**name));
        let mut rng = fastrand::Rng::with_seed(profile.seed);
        Self {
            kinds: [
                "temperature",
                kind.map(|(_, kind)| kind).next().unwrap_or("level"),
            ],
            value: 20.0 + 60.0 * rng.f64(),
            rng,
            good_for: profile.good_for,
            report: DeviceReport {
                id: profile.id,
                fault: profile.fault,
                sent: 0,
                connections: 0,
                commands: 0,
                errors: 0,
                bye: None,
            },
            note,
            progress,
            stop,
        }
    }

    /// Says hello. Returns the interval that the gateway wants.
    async fn greet<T>(&mut self, wire: &mut Wire<T>) -> io::Result<Duration>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let hello = json!({"hello": self.report.id}).to_string();
        wire.send(hello).await.map_err(broken)?;
        match wire.next().await.map(|line| read(&line.map_err(broken)?)) {
            Some(Ok(ToDevice::Welcome { every, .. })) => {
                self.report.connections += 1;
                Duration::try_from_secs_f64(every).map_err(io::Error::other)
            }
            Some(Ok(ToDevice::Bye { bye })) => {
                self.report.bye = Some(bye.clone());
                Err(io::Error::other(bye))
            }
            Some(Ok(_)) => Err(io::Error::other("the gateway does not say welcome")),
            Some(Err(error)) => Err(error),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Sends a reading from time to time, and does what it is told, until the connection ends.
    ///
    /// One loop, where the gateway has two halves: a device may wait while it writes.
    async fn talk<T>(&mut self, mut wire: Wire<T>, mut every: Duration) -> End
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let begin = Instant::now();
        // Not all at the same moment.
        let first = begin + every.mul_f64(self.rng.f64());
        let mut ticks = interval_at(first, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut noted = false;
        loop {
            let next = tokio::select! {
                // In a fixed order, so that the same seed does the same in virtual time.
                biased;
                () = self.stop.cancelled() => Break(End::Stop),
                line = wire.next() => match line {
                    Some(Ok(line)) => self.obey(&mut wire, &line, &mut every).await,
                    Some(Err(_)) | None => Break(End::Lost),
                },
                _ = ticks.tick() => {
                    let fault = self.report.fault.filter(|_| begin.elapsed() >= self.good_for);
                    if let Some(fault) = fault && !noted {
                        noted = true;
                        self.tell(fault);
                    }
                    // A device that waits because the gateway does not read must stop nevertheless.
                    // What it has begun to send is in the buffer, and is sent by `finish`.
                    let stop = self.stop;
                    let measured = stop.run_until_cancelled(self.measure(&mut wire, fault));
                    measured.await.unwrap_or(Break(End::Stop))
                }
            };
            match next {
                Break(End::Lost) => return End::Lost,
                Break(end) => {
                    let _ = timeout(PATIENCE, finish(&mut wire)).await;
                    return end;
                }
                Continue(()) if ticks.period() != every => {
                    ticks = interval_at(Instant::now() + every, every);
                    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                }
                Continue(()) => {}
            }
        }
    }

    fn tell(&self, fault: Fault) {
        let what = match fault {
            Fault::Silence => "falls silent",
            Fault::Garbage => "sends garbage",
            Fault::HalfOpen => "loses its cable",
            Fault::Flood => "sends as fast as it can",
            Fault::Clock | Fault::Deaf => return,
        };
        (self.note)(&self.report.id, what);
    }

    /// It is time for a reading.
    async fn measure<T>(&mut self, wire: &mut Wire<T>, fault: Option<Fault>) -> ControlFlow<End>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let sent = match fault {
            Some(Fault::Silence) => Ok(()),
            Some(Fault::Garbage) => {
                let line = GARBAGE[self.rng.usize(..GARBAGE.len())];
                wire.get_mut().write_all(line).await
            }
            Some(Fault::HalfOpen) => {
                // It keeps the connection, and does nothing with it.
                sleep(UNPLUGGED).await;
                return Break(End::Lost);
            }
            Some(Fault::Flood) => {
                let until = Instant::now() + FLOOD;
                loop {
                    // It waits as long as the gateway does not read.
                    let sent = self.send_reading(wire);
                    match timeout_at(until, sent).await {
                        // Once is enough for a connection.
                        Err(_) => {
                            self.good_for = Duration::MAX;
                            break Ok(());
                        }
                        Ok(Err(error)) => break Err(error),
                        Ok(Ok(())) => {}
                    }
                }
            }
            Some(Fault::Clock | Fault::Deaf) | None => self.send_reading(wire).await,
        };
        match sent {
            Ok(()) => Continue(()),
            Err(_) => Break(End::Lost),
        }
    }

    async fn send_reading<T>(&mut self, wire: &mut Wire<T>) -> io::Result<()>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.value += self.rng.f64() - 0.5;
        let mut clock = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        if self.report.fault == Some(Fault::Clock) {
            clock = clock.saturating_sub(Duration::from_hours(24));
        }
        let turn = usize::from(!self.report.sent.is_multiple_of(2));
        let reading = json!({
            "at": u64::try_from(clock.as_millis()).unwrap_or(u64::MAX),
            "kind": self.kinds[turn],
            "value": (self.value * 10.0).round() / 10.0,
        });
        wire.feed(reading.to_string()).await.map_err(broken)?;
        // From here on it is in the buffer, and is sent also if this future is dropped now.
        self.report.sent += 1;
        self.progress.sent.fetch_add(1, Relaxed);
        SinkExt::<String>::flush(wire).await.map_err(broken)
    }

    /// A line of the gateway.
    async fn obey<T>(
        &mut self,
        wire: &mut Wire<T>,
        line: &str,
        every: &mut Duration,
    ) -> ControlFlow<End>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let (command, order) = match read(line) {
            Ok(ToDevice::Command { command, order }) => (command, order),
            Ok(ToDevice::Error { .. }) => {
                self.report.errors += 1;
                return Continue(());
            }
            Ok(ToDevice::Bye { bye }) => {
                self.report.bye = Some(bye);
                return Break(End::Lost);
            }
            Ok(ToDevice::Welcome { .. }) | Err(_) => return Continue(()),
        };
        self.report.commands += 1;
        if self.report.fault == Some(Fault::Deaf) {
            return Continue(());
        }
        let mut ack = json!({"ack": command, "ok": true});
        if let Command::SetInterval { seconds } = order {
            match Duration::try_from_secs_f64(seconds) {
                Ok(new) if !new.is_zero() => *every = new,
                _ => ack = json!({"ack": command, "ok": false, "error": "no such interval"}),
            }
        }
        match wire.send(ack.to_string()).await {
            Err(_) => Break(End::Lost),
            Ok(()) if order == Command::Reboot => Break(End::Restart),
            Ok(()) => Continue(()),
        }
    }
}

/// Sends no more, and waits until the gateway has taken everything: it then closes, too.
async fn finish<T>(wire: &mut Wire<T>) -> io::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    SinkExt::<String>::close(wire).await.map_err(broken)?;
    while let Some(Ok(_)) = wire.next().await {}
    Ok(())
}

fn read(line: &str) -> io::Result<ToDevice> {
    serde_json::from_str(line).map_err(io::Error::from)
}

fn broken(error: LinesCodecError) -> io::Error {
    match error {
        LinesCodecError::Io(error) => error,
        error @ LinesCodecError::MaxLineLengthExceeded => io::Error::other(error),
    }
}
