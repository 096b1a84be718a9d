//! The gateway and the simulated devices together, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sensors::simulator::{self, DeviceReport, Fault, Plan, Progress};
use sensors::{Event, Gateway, Options, Snapshot};
use tokio::io::duplex;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What both sides have counted after so many seconds, and what the gateway has told meanwhile.
async fn simulate(plan: &Plan, seconds: u64) -> (Vec<DeviceReport>, Snapshot, Vec<String>) {
    let gateway = Gateway::new(Options::default());
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut events = gateway.events();
    tokio::spawn({
        let told = Arc::clone(&told);
        async move {
            while let Ok(event) = events.recv().await {
                if !matches!(*event, Event::Reading { .. }) {
                    told.lock().unwrap().push(format!("{event:?}"));
                }
            }
        }
    });
    let connections = TaskTracker::new();
    let connect = {
        let (gateway, connections) = (gateway.clone(), connections.clone());
        move || {
            let (device, far) = duplex(4096);
            let gateway = gateway.clone();
            connections.spawn(async move { gateway.attend(far).await });
            async { Ok(device) }
        }
    };
    let stop = CancellationToken::new();
    let reports = tokio::spawn(simulator::run(
        plan.profiles(),
        connect,
        stop.clone(),
        Arc::new(Progress::default()),
        Arc::new(|_, _| {}),
    ));
    sleep(Duration::from_secs(seconds)).await;
    stop.cancel();
    let reports = reports.await.unwrap();
    gateway.stop();
    connections.close();
    connections.wait().await;
    let told = told.lock().unwrap().clone();
    (reports, gateway.snapshot(), told)
}

fn plan(devices: usize, faults: &str, seed: u64) -> Plan {
    Plan {
        devices,
        faults: faults.parse().unwrap(),
        seed,
        start_within: Duration::from_secs(1),
        good_for: Duration::from_secs(3),
    }
}

#[tokio::test(start_paused = true)]
async fn each_fault_is_found_and_no_reading_of_the_others_is_lost() {
    let (reports, snapshot, _) = simulate(&plan(60, "all=4", 7), 60).await;
    let mut healthy = 0;
    for report in reports {
        let status = snapshot.device(&report.id).unwrap();
        let both = format!("{report:?}\n{status:?}");
        match report.fault {
            None => {
                healthy += 1;
                assert_eq!(report.sent, status.readings, "{both}");
                assert!((58..=61).contains(&report.sent), "one a second: {both}");
                assert_eq!((report.connections, status.silent), (1, 0), "{both}");
                assert_eq!((status.dropped, status.bad_lines), (0, 0), "{both}");
            }
            Some(Fault::Silence | Fault::HalfOpen) => {
                assert!(status.silent >= 3, "{both}");
                assert!(report.connections > 3, "it comes back: {both}");
            }
            Some(Fault::Garbage) => {
                assert!(status.bad_lines >= 9 && report.errors >= 9, "{both}");
                let bye = "three bad lines in a row";
                assert_eq!(report.bye.as_deref(), Some(bye), "{both}");
            }
            Some(Fault::Flood) => {
                assert!(status.dropped > 100, "{both}");
                assert_eq!(report.sent, status.readings + status.dropped, "{both}");
                assert_eq!(
                    report.connections, 1,
                    "slowed down, and not thrown out: {both}"
                );
            }
            Some(Fault::Clock) => {
                assert_eq!(
                    (status.readings, status.bad_clock),
                    (0, report.sent),
                    "{both}"
                );
            }
            Some(Fault::Deaf) => assert_eq!(report.sent, status.readings, "{both}"),
        }
    }
    assert_eq!(healthy, 60 - 24);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_does_the_same() {
    let (reports, _, told) = simulate(&plan(30, "all=2", 5), 20).await;
    for _ in 0..3 {
        let (again, _, told_again) = simulate(&plan(30, "all=2", 5), 20).await;
        assert_eq!(again, reports);
        assert_eq!(told_again, told);
    }
    let (other, _, _) = simulate(&plan(30, "all=2", 6), 20).await;
    assert_ne!(other, reports);
}

#[tokio::test(start_paused = true)]
async fn devices_wait_for_a_gateway_that_is_away() {
    let stop = CancellationToken::new();
    let progress = Arc::new(Progress::default());
    let tried = Arc::new(Mutex::new(Vec::new()));
    let start = tokio::time::Instant::now();
    let connect = {
        let tried = Arc::clone(&tried);
        move || {
            tried.lock().unwrap().push(start.elapsed());
            async {
                Err::<tokio::io::DuplexStream, _>(std::io::ErrorKind::ConnectionRefused.into())
            }
        }
    };
    let one = plan(1, "all=0", 1).profiles();
    let note = Arc::new(|_: &str, _: &str| {});
    let devices = simulator::run(one, connect, stop.clone(), Arc::clone(&progress), note);
    let devices = tokio::spawn(devices);
    sleep(Duration::from_mins(5)).await;
    stop.cancel();
    assert_eq!(devices.await.unwrap()[0].connections, 0);
    let tried = tried.lock().unwrap();
    let waits: Vec<f64> = tried
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs_f64())
        .collect();
    for (wait, around) in waits.iter().zip([4.0, 8.0, 16.0, 30.0, 30.0]) {
        assert!(
            (0.75 * around..=1.25 * around + 0.001).contains(wait),
            "{waits:?}"
        );
    }
    assert_eq!(progress.failed(), tried.len() as u64);
}
