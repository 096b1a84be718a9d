//! `sensors`: a gateway and some devices in one process, and what the gateway finds out.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use common::{Stage, Trace as _};
use sensors::simulator::{self, DeviceReport, Fault, Plan, Profile, Progress};
use sensors::{Command, Event, Gateway, Snapshot};
use tokio::io::{AsyncRead, AsyncWrite, duplex};
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::command_line::Demo;
use crate::screen::Screen;
use crate::signals;
use crate::table::{self, Paint};

/// As much as a pipe in memory holds in each direction, in place of the system's buffers.
const PIPE: usize = 4096;
/// How often the table changes.
const DRAW: Duration = Duration::from_millis(250);

/// Runs both sides, and compares what each has counted.
pub(crate) async fn run(stage: &Stage, demo: Demo) -> Result<(), String> {
    let stop = CancellationToken::new();
    signals::stop_on_ctrl_c(stop.clone())?;
    // The table is for a run that one can watch.
    let screen = Screen::new(!stage.instant());
    let gateway = Gateway::new(demo.options);
    let Some(port) = demo.port else {
        // Virtual time needs devices that the runtime can see: it goes on to the next timer when
        // every task waits, and would not wait for what is under way in the system. The gateway
        // serves whatever carries bytes.
        let connections = TaskTracker::new();
        let connect = {
            let (gateway, connections) = (gateway.clone(), connections.clone());
            move || {
                let (device, far) = duplex(PIPE);
                let gateway = gateway.clone();
                connections.spawn(async move { gateway.attend(far).await }.traced("attend"));
                async { Ok(device) }
            }
        };
        let reports = show(&gateway, &demo.plan, demo.seconds, connect, stop, screen).await;
        gateway.stop();
        connections.close();
        connections.wait().await;
        return compare(&reports, &gateway.snapshot());
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = sensors::bind(address)
        .map_err(|error| format!("cannot listen at {address}: {error}; choose a --port"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let end = CancellationToken::new();
    let served = sensors::serve(listener, &gateway, end.cancelled());
    let shown = async {
        let connect = move || simulator::connect(address);
        let reports = show(&gateway, &demo.plan, demo.seconds, connect, stop, screen).await;
        end.cancel();
        reports
    };
    let (_, reports) = tokio::join!(served, shown);
    compare(&reports, &gateway.snapshot())
}

/// Runs the devices, and says what they do and what the gateway makes of it.
async fn show<C, F, T>(
    gateway: &Gateway,
    plan: &Plan,
    seconds: Duration,
    connect: C,
    stop: CancellationToken,
    mut screen: Screen,
) -> Vec<DeviceReport>
where
    C: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let profiles = plan.profiles();
    let events = gateway.events();
    let (say, said) = mpsc::channel(100);
    let start = Instant::now();
    screen.say(&format!(
        "{} devices connect; {} with a fault, and the gateway does not know which.",
        profiles.len(),
        plan.faults.count()
    ));
    let note = {
        let say = say.clone();
        Arc::new(move |id: &str, what: &str| drop(say.try_send(format!("device   {id} {what}"))))
    };
    let operator = operate(gateway, &profiles, start, say);
    let devices = simulator::run(
        profiles.clone(),
        connect,
        stop.clone(),
        Arc::new(Progress::default()),
        note,
    );
    let clock = async {
        tokio::select! {
            () = sleep_until(start + seconds) => stop.cancel(),
            () = stop.cancelled() => {}
        }
    };
    let all = async {
        let (reports, ()) = tokio::join!(devices, clock);
        reports
    };
    let reports = tokio::select! {
        // In this order, so that what has happened is told before the end.
        biased;
        () = watch(gateway, events, said, &stop, profiles.len(), &mut screen) => Vec::new(), // never
        () = operator => Vec::new(), // never
        reports = all => reports,
    };
    screen.clear();
    reports
}

/// Somebody who sends a few commands.
async fn operate(
    gateway: &Gateway,
    profiles: &[Profile],
    start: Instant,
    say: mpsc::Sender<String>,
) {
    let healthy = profiles.iter().filter(|profile| profile.fault.is_none());
    let deaf = profiles
        .iter()
        .find(|profile| profile.fault == Some(Fault::Deaf));
    let mut ids: Vec<&str> = healthy.map(|profile| &*profile.id).take(3).collect();
    ids.extend(deaf.map(|profile| &*profile.id));
    ids.push("pump-99");
    let commands = [
        Command::SetInterval { seconds: 0.5 },
        Command::Reboot,
        Command::Identify,
        Command::Identify,
        Command::Identify,
    ];
    sleep_until(start + Duration::from_secs(2)).await;
    let orders = ids.into_iter().zip(commands).map(|(id, command)| {
        let say = say.clone();
        async move {
            let text = match &command {
                Command::SetInterval { seconds } => format!("set_interval {seconds}"),
                Command::Identify => "identify".to_owned(),
                Command::Reboot => "reboot".to_owned(),
            };
            let answer = match gateway.command(id, command).await {
                Ok(ack) if ack.ok => "done".to_owned(),
                Ok(ack) => format!("refused: {:?}", ack.error.unwrap_or_default()),
                Err(error) => error.to_string(),
            };
            let _ = say.send(format!("command  {id} {text}: {answer}")).await;
        }
    });
    futures::future::join_all(orders).await;
    std::future::pending::<()>().await;
}

/// Says what happens until the devices stop: that each of them then goes is no news. The table goes
/// on, because a flood that waits in the system's buffers takes some seconds to be read.
async fn watch(
    gateway: &Gateway,
    mut events: broadcast::Receiver<Arc<Event>>,
    mut said: mpsc::Receiver<String>,
    stop: &CancellationToken,
    devices: usize,
    screen: &mut Screen,
) {
    let start = Instant::now();
    let mut draw = interval(DRAW);
    let paint = Paint(screen.color());
    // How many readings there were a second ago.
    let mut second = [0; 4];
    let mut draws = 0;
    let mut online = BTreeMap::new();
    let mut stopping = false;
    loop {
        let line = tokio::select! {
            biased;
            () = stop.cancelled(), if !stopping => {
                let time = start.elapsed().as_secs_f64();
                screen.say(&format!("{time:4.1} s  the devices stop; what they have sent is still taken"));
                stopping = true;
                None
            }
            Some(line) = said.recv() => Some(line),
            event = events.recv() => match event {
                Ok(event) => line(&event, devices, &mut online),
                Err(_) => None,
            },
            _ = draw.tick(), if screen.is_live() => {
                let snapshot = gateway.snapshot();
                let readings = snapshot.totals.readings;
                let before = std::mem::replace(&mut second[draws % 4], readings);
                draws += 1;
                screen.draw(table::lines(&snapshot, readings - before, paint));
                None
            }
        };
        if let Some(line) = line
            && !stopping
        {
            screen.say(&format!("{:4.1} s  {line}", start.elapsed().as_secs_f64()));
        }
    }
}

/// What the gateway says. Those that come for the first time have one line together.
fn line(event: &Event, devices: usize, online: &mut BTreeMap<Arc<str>, u32>) -> Option<String> {
    let line = match event {
        Event::Online { device, .. } => {
            let known = online.len();
            let times = online.entry(Arc::clone(device)).or_default();
            *times += 1;
            if *times > 1 {
                format!("{device} is online again")
            } else if known + 1 == devices {
                format!("all {devices} devices are online")
            } else {
                return None;
            }
        }
        Event::Offline { device, why } => format!("{device} is offline: {why}"),
        Event::BadLine { device, error } => format!("{device}: {error}"),
        Event::Flooding { device, limit } => {
            format!("{device} sends more than {limit} readings a second: it is slowed down")
        }
        Event::Replaced { device } => format!("{device} has a newer connection"),
        Event::CannotAccept { error } => format!("cannot take a connection: {error}"),
        Event::Reading { .. } | Event::Summary { .. } => return None,
    };
    Some(format!("gateway  {line}"))
}

/// What the devices have sent, and what the gateway has counted.
fn compare(reports: &[DeviceReport], snapshot: &Snapshot) -> Result<(), String> {
    println!();
    println!("                        sent  counted  dropped  bad clock  bad lines  came back");
    let (mut sent, mut healthy) = (0, [0; 5]);
    let mut devices = 0;
    let mut lost = Vec::new();
    let mut rows = Vec::new();
    for report in reports {
        // The gateway does not know a device that has not come to its hello.
        let counts = snapshot.device(&report.id).map_or([0; 5], |status| {
            [
                status.readings,
                status.dropped,
                status.bad_clock,
                status.bad_lines,
                status.connections.saturating_sub(1),
            ]
        });
        if let Some(fault) = report.fault {
            rows.push((format!("{}, {fault}", report.id), report.sent, counts));
            continue;
        }
        if report.sent != counts[0] {
            lost.push(&*report.id);
        }
        devices += 1;
        sent += report.sent;
        for (sum, count) in healthy.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    rows.insert(0, (format!("{devices} healthy devices"), sent, healthy));
    for (name, sent, [counted, dropped, bad_clock, bad_lines, back]) in rows {
        println!(
            "{name:<20} {sent:>7} {counted:>8} {dropped:>8} {bad_clock:>10} {bad_lines:>10} {back:>10}"
        );
    }
    if lost.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "readings of healthy devices were lost: {}",
            lost.join(", ")
        ))
    }
}
