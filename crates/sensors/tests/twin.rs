//! The gateway and the devices of `sensors.py` speak the same language as ours.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use sensors::simulator::{self, Fault, Plan, Progress};
use sensors::{Gateway, Options};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(30);
const FOLDER: &str = env!("CARGO_MANIFEST_DIR");
/// Until a device that starts within 0.2 s has behaved well for 0.5 s, has come to its next reading
/// 0.5 s later, and has then been silent for 1.5 s; and half a second for a machine under load.
const LONG_ENOUGH: Duration = Duration::from_millis(3200);
/// The devices of `sensors.py simulate`, whose faults begin earlier.
const DEVICES: &str = "
import asyncio, functools, sys
import devices, sensors
host, port, seconds, report = sys.argv[1:]
made = devices.make(30, ['silence', 'garbage', 'clock', 'deaf'], 1, 0.2, 0.5)
connect = functools.partial(asyncio.open_connection, host, int(port), limit=4096)
sensors.save(asyncio.run(devices.run(made, connect, float(seconds))), report)
";

/// What both gateways report of a device.
#[derive(Debug, Deserialize, PartialEq)]
struct Counted {
    id: String,
    readings: u64,
    bad_clock: u64,
    dropped: u64,
    bad_lines: u64,
    why: Option<String>,
}

#[derive(Deserialize)]
struct Report {
    devices: Vec<Counted>,
}

/// What both simulators report of one.
#[derive(Debug, Deserialize)]
struct Simulated {
    id: String,
    fault: Option<String>,
    sent: u64,
    bye: Option<String>,
}

fn python(arguments: &[&str]) -> Option<Child> {
    let python = common::testing::python(&[])?;
    let mut command = Command::new(python);
    command.args(arguments).current_dir(FOLDER);
    command.stdout(Stdio::piped()).kill_on_drop(true);
    Some(command.spawn().unwrap())
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> T {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Whoever behaves is counted to the last reading, and each fault is seen for what it is.
fn compare(sent: &[Simulated], counted: Vec<Counted>) {
    let mut counted: BTreeMap<_, _> = counted.into_iter().map(|d| (d.id.clone(), d)).collect();
    assert_eq!(counted.len(), sent.len());
    let mut healthy = 0;
    for sent in sent {
        let counted = counted.remove(&sent.id).unwrap();
        let both = format!("{sent:?} {counted:?}");
        let arrived = counted.readings + counted.bad_clock + counted.dropped;
        match sent.fault.as_deref() {
            Some("clock") => assert_eq!((counted.readings, arrived), (0, sent.sent), "{both}"),
            Some("garbage") => {
                assert!(counted.bad_lines >= 3, "{both}");
                assert_eq!(
                    sent.bye.as_deref(),
                    Some("three bad lines in a row"),
                    "{both}"
                );
            }
            Some("silence") => {
                assert_eq!(
                    sent.bye.as_deref(),
                    Some("nothing heard for 1.5 s"),
                    "{both}"
                );
            }
            fault => {
                assert_eq!(
                    (counted.readings, arrived),
                    (sent.sent, sent.sent),
                    "{both}"
                );
                assert_eq!(
                    counted.why.as_deref(),
                    Some("it closed the connection"),
                    "{both}"
                );
                healthy += u32::from(fault.is_none());
            }
        }
    }
    assert_eq!(healthy, 26);
}

#[tokio::test]
async fn our_devices_at_their_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let flags = [
        "sensors.py",
        "gateway",
        "--port",
        "0",
        "--every",
        "0.5",
        "--report",
    ];
    let Some(mut gateway) = python(&[&flags[..], &[report.to_str().unwrap()]].concat()) else {
        return;
    };
    let mut lines = BufReader::new(gateway.stdout.take().unwrap()).lines();
    let first = timeout(SOON, lines.next_line())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let address = first.strip_prefix("Listening on ").unwrap().to_owned();

    let plan = Plan {
        devices: 30,
        faults: "silence,garbage,clock,deaf".parse().unwrap(),
        seed: 1,
        start_within: Duration::from_millis(200),
        good_for: Duration::from_millis(500),
    };
    let stop = CancellationToken::new();
    let to = address.clone();
    let devices = simulator::run(
        plan.profiles(),
        move || TcpStream::connect(to.clone()),
        stop.clone(),
        Arc::new(Progress::default()),
        Arc::new(|_, _| {}),
    );
    let (sent, (), ()) = tokio::join!(devices, flood(&address), async {
        sleep(LONG_ENOUGH).await;
        stop.cancel();
    });
    // A shell without job control lets what it starts in the background ignore SIGINT, and Python
    // leaves it at that.
    assert!(common::testing::signal(gateway.id().unwrap(), "TERM"));
    let ended = timeout(SOON, gateway.wait()).await.unwrap().unwrap();
    assert!(ended.success());
    let sent: Vec<_> = sent
        .into_iter()
        .map(|device| Simulated {
            id: device.id,
            fault: device.fault.map(|fault: Fault| fault.name().to_owned()),
            sent: device.sent,
            bye: device.bye,
        })
        .collect();
    let mut counted = read::<Report>(&report).devices;
    let place = counted.iter().position(|device| device.id == "flood");
    let flood = counted.remove(place.unwrap());
    assert_eq!(flood.readings + flood.dropped, 100);
    assert!(
        flood.dropped > 10,
        "fifty at once, and fifty a second: {flood:?}"
    );
    compare(&sent, counted);
}

/// A device that sends a hundred readings at once, and waits until they were taken.
async fn flood(address: &str) {
    let mut device = TcpStream::connect(address).await.unwrap();
    let mut lines = "{\"hello\":\"flood\"}\n".to_owned();
    for value in 0..100 {
        let at = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let at = at.as_millis();
        lines += &format!("{{\"at\":{at},\"kind\":\"t\",\"value\":{value}}}\n");
    }
    device.write_all(lines.as_bytes()).await.unwrap();
    device.shutdown().await.unwrap();
    let mut heard = String::new();
    let read = timeout(SOON, device.read_to_string(&mut heard));
    read.await.unwrap().unwrap();
    assert!(heard.starts_with("{\"welcome\":\"flood\""), "{heard}");
}

#[tokio::test]
async fn their_devices_at_our_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let gateway = Gateway::new(Options {
        every: Duration::from_millis(500),
        ..Options::default()
    });
    let listener = sensors::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let seconds = LONG_ENOUGH.as_secs_f64().to_string();
    let flags = [
        "-c",
        DEVICES,
        "127.0.0.1",
        &port,
        &seconds,
        report.to_str().unwrap(),
    ];
    let Some(mut devices) = python(&flags) else {
        return;
    };
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let serve = sensors::serve(listener, &gateway, async { stopped.await.unwrap_or(()) });
    let (_, ended) = tokio::join!(serve, async {
        let ended = timeout(SOON, devices.wait()).await.unwrap().unwrap();
        // Until the last goodbyes are heard.
        while gateway.totals().online > 0 {
            sleep(Duration::from_millis(5)).await;
        }
        stop.send(()).unwrap();
        ended
    });
    assert!(ended.success());
    let counted = gateway.snapshot().devices;
    let counted = serde_json::to_value(counted).unwrap();
    compare(
        &read::<Vec<Simulated>>(&report),
        serde_json::from_value(counted).unwrap(),
    );
}
