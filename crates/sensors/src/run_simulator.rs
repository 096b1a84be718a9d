//! `sensors simulate`: many devices, until Ctrl-C or for some seconds.

use std::sync::Arc;
use std::time::Duration;

use sensors::simulator::{self, DeviceReport, Progress};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tokio_util::sync::CancellationToken;

use crate::command_line::Simulate;
use crate::log::thousands;
use crate::run_gateway::{open_report, write_report};
use crate::screen::Screen;
use crate::signals;

/// How often there is a line.
const TELL: Duration = Duration::from_secs(5);

/// Runs the devices.
pub(crate) async fn run(asked: Simulate) -> Result<(), String> {
    open_report(asked.report.as_deref())?;
    let name = &asked.gateway;
    let resolved = lookup_host(name.as_str())
        .await
        .map(|mut found| found.next());
    let address = match resolved {
        Ok(Some(address)) => address,
        Ok(None) => return Err(format!("there is no address {name}")),
        Err(error) => {
            return Err(format!("cannot find {name}: {error}; see --gateway"));
        }
    };
    // Later, devices try again by themselves. But a gateway that was never there is a mistake.
    if let Err(error) = TcpStream::connect(address).await {
        return Err(format!(
            "cannot connect to {address}: {error}; start the gateway: cargo run -p sensors -- gateway"
        ));
    }
    let stop = CancellationToken::new();
    signals::stop_on_ctrl_c(stop.clone())?;
    let connect = move || simulator::connect(address);
    let progress = Arc::new(Progress::default());
    let screen = Screen::new(false);
    let profiles = asked.plan.profiles();
    screen.say(&format!(
        "{} devices, {} of them with a fault, for {address}",
        thousands(profiles.len() as u64),
        thousands(asked.plan.faults.count() as u64)
    ));
    let devices = simulator::run(
        profiles,
        connect,
        stop.clone(),
        Arc::clone(&progress),
        Arc::new(|_, _| {}),
    );
    let telling = tell(&screen, &progress);
    let clock = async {
        match asked.seconds {
            Some(seconds) => sleep(seconds).await,
            None => std::future::pending().await,
        }
        stop.cancel();
        std::future::pending::<()>().await;
    };
    let reports = tokio::select! {
        reports = devices => reports,
        () = telling => return Ok(()), // never
        () = clock => return Ok(()),   // never
    };
    screen.say(&summary(&reports));
    match &asked.report {
        Some(path) => write_report(path, &reports),
        None => Ok(()),
    }
}

async fn tell(screen: &Screen, progress: &Progress) {
    let start = Instant::now();
    let mut ticks = interval_at(start + TELL, TELL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let failed = match progress.failed() {
            0 => String::new(),
            failed => format!(", {} connections failed", thousands(failed)),
        };
        screen.say(&format!(
            "{:4.0} s  {} connected, {} readings sent{failed}",
            start.elapsed().as_secs_f64(),
            thousands(progress.connected()),
            thousands(progress.sent()),
        ));
    }
}

fn summary(reports: &[DeviceReport]) -> String {
    let healthy = || reports.iter().filter(|report| report.fault.is_none());
    let sent: u64 = healthy().map(|report| report.sent).sum();
    let lost = healthy().filter(|report| report.connections != 1).count();
    let mut text = format!(
        "{} healthy devices have sent {} readings",
        thousands(healthy().count() as u64),
        thousands(sent)
    );
    if lost > 0 {
        let lost = thousands(lost as u64);
        text += &format!("; {lost} of them connected more than once, or never");
    }
    text
}
