//! `sensors gateway`: the gateway, until Ctrl-C.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, IsTerminal as _};
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::OptionFuture;
use sensors::{Command, Event, Gateway, mqtt};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::runtime::Handle;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::command_line;
use crate::log::{self, Log};
use crate::screen::Screen;
use crate::signals;
use crate::table::{self, Paint};

/// How often the table changes.
const DRAW: Duration = Duration::from_millis(500);
/// How often the sums are written where there is no table.
const SUMMARY: Duration = Duration::from_secs(10);

/// Serves until Ctrl-C.
pub(crate) async fn run(asked: command_line::Gateway) -> Result<(), String> {
    open_report(asked.report.as_deref())?;
    let address = SocketAddr::new(asked.host, asked.port);
    let listener = sensors::bind(address).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => format!(
            "port {} is in use; stop the other program, or choose another with --port",
            asked.port
        ),
        _ => format!("cannot listen at {address}: {error}; choose with --host and --port"),
    })?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let stop = CancellationToken::new();
    signals::stop_on_ctrl_c(stop.clone())?;

    let gateway = Gateway::new(asked.options);
    let events = gateway.events();
    let screen = Screen::new(asked.view);
    screen.say(&format!("Listening on {address}"));
    let (say, said) = mpsc::channel(64);
    let bridge = asked
        .mqtt
        .map(|broker| bridge(&gateway, broker, say.clone(), stop.clone()));
    if asked.commands {
        tokio::spawn(take_commands(gateway.clone(), say));
    }
    // On a thread of its own: writing waits as long as nobody reads, and Ctrl-S in a terminal is
    // enough for that. A thread of the runtime would wait with all the devices that it serves.
    let watch = watch(gateway.clone(), events, said, screen);
    let watched = tokio::task::spawn_blocking(|| Handle::current().block_on(watch));
    let served = sensors::serve(listener, &gateway, stop.cancelled());
    let (totals, bridged) = tokio::join!(served, OptionFuture::from(bridge));
    let mut screen = watched.await.map_err(|error| error.to_string())?;
    screen.clear();
    screen.say(&format!(
        "Stopped: {} readings of {} devices counted.",
        log::thousands(totals.readings),
        log::thousands(totals.known)
    ));
    if let Some(path) = &asked.report {
        write_report(path, &gateway.snapshot())?;
    }
    bridged.unwrap_or(Ok(()))
}

/// The bridge to MQTT. A gateway whose broker refuses it stops.
async fn bridge(
    gateway: &Gateway,
    broker: mqtt::Broker,
    say: mpsc::Sender<String>,
    stop: CancellationToken,
) -> Result<(), String> {
    let counts = Arc::default();
    // A line that finds no room is not worth a wait of the bridge.
    let say = move |line: &str| drop(say.try_send(line.to_owned()));
    let ended = mqtt::run(gateway.clone(), broker, counts, say).await;
    if ended.is_err() {
        stop.cancel();
    }
    ended.map_err(|refused| refused.to_string())
}

/// Says what happens, until the gateway has stopped. Returns the screen.
async fn watch(
    gateway: Gateway,
    mut events: broadcast::Receiver<Arc<Event>>,
    mut said: mpsc::Receiver<String>,
    mut screen: Screen,
) -> Screen {
    let mut log = Log::new();
    let mut draw = interval(DRAW);
    // When a terminal is slow, there is nothing to catch up with.
    draw.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let paint = Paint(screen.color());
    let mut drawn = (Instant::now(), gateway.totals());
    let mut summed = drawn;
    let mut stopped = pin!(gateway.stopped());
    loop {
        tokio::select! {
            Some(line) = said.recv() => screen.say(&line),
            event = events.recv() => match event {
                Ok(event) => {
                    if let Some(line) = log.line(&event) {
                        screen.say(&line);
                    }
                }
                // Missed by this listener alone. The numbers come from the gateway itself.
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return screen,
            },
            now = draw.tick() => {
                if let Some(line) = log.left_out() {
                    screen.say(&line);
                }
                if screen.is_live() {
                    let snapshot = gateway.snapshot();
                    let (before, totals) = drawn;
                    let readings = snapshot.totals.readings - totals.readings;
                    let rate = log::rate(readings, now - before);
                    screen.draw(table::lines(&snapshot, rate, paint));
                    drawn = (now, snapshot.totals);
                } else if now - summed.0 >= SUMMARY {
                    let totals = gateway.totals();
                    screen.say(&log::summary(&summed.1, &totals, now - summed.0));
                    summed = (now, totals);
                }
            }
            () = &mut stopped => return screen,
        }
    }
}

/// Lines such as `pump-17 set_interval 2`, one after the other.
async fn take_commands(gateway: Gateway, say: mpsc::Sender<String>) {
    if io::stdin().is_terminal() {
        let usage = "Commands: DEVICE identify, DEVICE reboot, DEVICE set_interval SECONDS";
        let _ = say.send(usage.to_owned()).await;
    }
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (device, command) = match *words {
            [] => continue,
            [device, "identify"] => (device, Some(Command::Identify)),
            [device, "reboot"] => (device, Some(Command::Reboot)),
            [device, "set_interval", seconds] => {
                let seconds = seconds.parse().ok();
                (
                    device,
                    seconds.map(|seconds| Command::SetInterval { seconds }),
                )
            }
            [device, ..] => (device, None),
        };
        let answer = match command {
            None => "say identify, reboot, or set_interval and seconds".to_owned(),
            Some(command) => match gateway.command(device, command).await {
                Ok(ack) if ack.ok => "done".to_owned(),
                // Its own words, which must not move the cursor.
                Ok(ack) => format!("refused: {:?}", ack.error.unwrap_or_default()),
                Err(error) => error.to_string(),
            },
        };
        if say.send(format!("{device:?}: {answer}")).await.is_err() {
            return;
        }
    }
}

/// Whether a report can be written. Better asked now than after a day of counting.
pub(crate) fn open_report(path: Option<&Path>) -> Result<(), String> {
    let Some(path) = path else { return Ok(()) };
    // What is in the file stays, until there is a new report.
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.map(drop).map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!(
        "cannot write {}: {error}; choose another --report",
        path.display()
    )
}

/// Writes what was counted.
pub(crate) fn write_report(path: &Path, report: &impl serde::Serialize) -> Result<(), String> {
    let json = serde_json::to_string(report).map_err(|error| error.to_string())?;
    std::fs::write(path, json + "\n").map_err(|error| cannot_write(path, &error))
}
