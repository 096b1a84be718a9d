//! The flags, and what they ask for.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use common::Stage;
use sensors::mqtt::Broker;
use sensors::simulator::{Faults, Plan};

/// How many devices one simulator has at most: each takes a file descriptor and a port.
const MAX_DEVICES: usize = 50_000;

/// What the gateway takes.
const OF_GATEWAY: [&str; 9] = [
    "--port",
    "--host",
    "--mqtt",
    "--view",
    "--commands",
    "--every",
    "--rate",
    "--max-connections",
    "--report",
];
/// What the simulator takes.
const OF_SIMULATE: [&str; 6] = [
    "--gateway",
    "--devices",
    "--faults",
    "--seed",
    "--seconds",
    "--report",
];
/// What the demonstration takes, which is both.
const OF_DEMO: [&str; 8] = [
    "--port",
    "--every",
    "--rate",
    "--max-connections",
    "--devices",
    "--faults",
    "--seed",
    "--seconds",
];

/// What the program is asked for.
pub(crate) enum Task {
    /// Both sides in one process.
    Demo(Demo),
    /// The gateway.
    Gateway(Gateway),
    /// The devices.
    Simulate(Simulate),
}

pub(crate) struct Demo {
    pub(crate) plan: Plan,
    pub(crate) seconds: Duration,
    /// `None`: no socket at all.
    pub(crate) port: Option<u16>,
    pub(crate) options: sensors::Options,
}

pub(crate) struct Gateway {
    pub(crate) host: IpAddr,
    pub(crate) port: u16,
    pub(crate) options: sensors::Options,
    pub(crate) mqtt: Option<Broker>,
    pub(crate) view: bool,
    pub(crate) commands: bool,
    pub(crate) report: Option<PathBuf>,
}

pub(crate) struct Simulate {
    pub(crate) plan: Plan,
    pub(crate) gateway: String,
    /// `None`: until Ctrl-C.
    pub(crate) seconds: Option<Duration>,
    pub(crate) report: Option<PathBuf>,
}

/// Whether these arguments ask for something that takes more than one thread. Read before there is
/// a runtime, and so before [`stage`]. The virtual time of `--instant` needs a runtime of one thread.
pub(crate) fn is_large(arguments: impl Iterator<Item = String>) -> bool {
    let arguments: Vec<String> = arguments.collect();
    let has = |words: &[&str]| arguments.iter().any(|word| words.contains(&&**word));
    has(&["gateway", "simulate"]) && !has(&["--instant"])
}

pub(crate) async fn stage() -> Stage {
    Stage::new("Thousands of devices over TCP: readings in, commands out, bridged to MQTT.")
        .arguments(
            "gateway | simulate",
            "only the gateway, or only the devices (default: a demonstration of both)",
        )
        .option(
            "--port",
            "PORT",
            "gateway: listen on PORT; 0 takes a free one (default 8080)",
        )
        .option(
            "--host",
            "IP",
            "gateway: listen at IP; nobody is asked for a password (default 127.0.0.1)",
        )
        .option(
            "--mqtt",
            "URL",
            "gateway: publish to this broker, such as mqtt://127.0.0.1:1883",
        )
        .switch("--view", "gateway: show a table that changes")
        .switch(
            "--commands",
            "gateway: read commands, such as: pump-17 set_interval 2",
        )
        .option(
            "--every",
            "SECONDS",
            "gateway: how often a device sends a reading (default 1)",
        )
        .option(
            "--rate",
            "N",
            "gateway: how many readings a second one device may send (default 50)",
        )
        .option(
            "--max-connections",
            "N",
            "gateway: how many may be open (default 10000)",
        )
        .option(
            "--gateway",
            "ADDRESS",
            "simulate: where the gateway is (default 127.0.0.1:8080)",
        )
        .option(
            "--devices",
            "N",
            "simulate: how many (default 1000; 20 in the demonstration)",
        )
        .option(
            "--faults",
            "LIST",
            "simulate: silence, garbage, half-open, flood, clock, deaf; garbage=3 for three, all=2 for two of each",
        )
        .option(
            "--seed",
            "N",
            "simulate: the same seed, the same devices (default 1)",
        )
        .option(
            "--seconds",
            "SECONDS",
            "simulate: how long (default: until Ctrl-C; 10 in the demonstration)",
        )
        .option(
            "--report",
            "FILE",
            "gateway, simulate: write what was counted to FILE as JSON, at the end",
        )
        .begin()
        .await
}

/// What the flags ask for. A mistake ends the program with one line.
pub(crate) fn task(stage: &Stage) -> Task {
    let words: Vec<&str> = stage.positional().iter().map(String::as_str).collect();
    let report = stage.value::<String>("--report").map(PathBuf::from);
    let large = match &*words {
        [] => None,
        [word @ ("gateway" | "simulate")] => Some(*word),
        _ => stage.usage_error("it takes gateway, simulate, or nothing; see --help"),
    };
    if let Some(word) = large
        && stage.instant()
    {
        stage.usage_error(format_args!(
            "--instant is for the demonstration; {word} does real input and output, which no clock can hurry"
        ));
    }
    let (whose, flags) = match large {
        None => ("the demonstration", &OF_DEMO[..]),
        Some("gateway") => ("gateway", &OF_GATEWAY[..]),
        Some(_) => ("simulate", &OF_SIMULATE[..]),
    };
    // One that is ignored would be taken for one that works.
    for flag in OF_GATEWAY.iter().chain(&OF_SIMULATE) {
        if stage.is_on(flag) && !flags.contains(flag) {
            stage.usage_error(format_args!("{flag} is nothing for {whose}; see --help"));
        }
    }
    let options = options(stage);
    match large {
        None => Task::Demo(Demo {
            plan: plan(stage, 20, Some(Faults::one_of_each())),
            seconds: seconds(stage).unwrap_or(Duration::from_secs(10)),
            port: (!stage.instant()).then(|| stage.value("--port").unwrap_or(0)),
            options,
        }),
        Some("gateway") => Task::Gateway(gateway(stage, options, report)),
        Some(_) => Task::Simulate(Simulate {
            plan: plan(stage, 1000, None),
            gateway: address(stage),
            seconds: seconds(stage),
            report,
        }),
    }
}

/// Where the gateway is. Whether there is such a place is not known yet.
fn address(stage: &Stage) -> String {
    let address = stage.value::<String>("--gateway");
    let address = address.unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let is_one = match address.rsplit_once(':') {
        Some((host, port)) => {
            let alone = host.starts_with('[') || !host.contains(':');
            alone && !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
        }
        None => false,
    };
    if !is_one {
        stage.usage_error(format_args!(
            "--gateway cannot be {address:?}: it takes an address such as 127.0.0.1:8080"
        ));
    }
    address
}

fn gateway(stage: &Stage, options: sensors::Options, report: Option<PathBuf>) -> Gateway {
    let (view, commands) = (stage.is_on("--view"), stage.is_on("--commands"));
    if view && commands {
        stage.usage_error("--view and --commands share one terminal: choose one");
    }
    Gateway {
        host: stage.value("--host").unwrap_or(Ipv4Addr::LOCALHOST.into()),
        port: stage.value("--port").unwrap_or(8080),
        options,
        // Not `stage.value::<Broker>`: an error would quote the URL, with its password.
        mqtt: stage.value::<String>("--mqtt").map(|url| {
            url.parse()
                .unwrap_or_else(|error| stage.usage_error(format_args!("--mqtt: {error}")))
        }),
        view,
        commands,
        report,
    }
}

fn options(stage: &Stage) -> sensors::Options {
    let mut options = sensors::Options::default();
    options.every = stage.seconds("--every").unwrap_or(options.every);
    if !(0.1..=3600.0).contains(&options.every.as_secs_f64()) {
        stage.usage_error("--every takes from 0.1 to 3600 seconds");
    }
    options.rate = stage.value("--rate").unwrap_or(options.rate);
    if !(1..=1_000_000).contains(&options.rate) {
        stage.usage_error("--rate takes from 1 to 1000000");
    }
    let connections = stage.value("--max-connections");
    options.max_connections = connections.unwrap_or(options.max_connections);
    if !(1..=1_000_000).contains(&options.max_connections) {
        stage.usage_error("--max-connections takes from 1 to 1000000");
    }
    options.max_devices = options.max_connections * 2;
    options
}

fn plan(stage: &Stage, devices: usize, faults: Option<Faults>) -> Plan {
    let given = stage.value("--devices");
    let devices = given.unwrap_or(devices);
    if !(1..=MAX_DEVICES).contains(&devices) {
        stage.usage_error(format_args!("--devices takes from 1 to {MAX_DEVICES}"));
    }
    let faults = stage.value::<Faults>("--faults").or(faults);
    let faults = faults.unwrap_or_default();
    if faults.count() > devices {
        stage.usage_error(format_args!(
            "{} devices have a fault, but there are only {devices}: see --devices and --faults",
            faults.count()
        ));
    }
    Plan {
        devices,
        faults,
        seed: stage.value("--seed").unwrap_or(1),
        // Twenty in the first second, or ten thousand in five.
        start_within: Duration::from_secs(1).max(Duration::from_micros(500) * devices_u32(devices)),
        good_for: Duration::from_secs(2),
    }
}

fn devices_u32(devices: usize) -> u32 {
    u32::try_from(devices).unwrap_or(u32::MAX)
}

fn seconds(stage: &Stage) -> Option<Duration> {
    let seconds = stage.seconds("--seconds")?;
    if seconds > Duration::from_hours(24 * 366) {
        stage.usage_error("--seconds takes up to a year");
    }
    Some(seconds)
}
