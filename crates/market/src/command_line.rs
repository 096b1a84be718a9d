//! The flags of the program.

use std::time::Duration;

use common::Stage;
use market::Options;
use market::feed::Speed;
use market::live::Limits;

/// What the program shall do.
pub(crate) enum Command {
    /// Serve the page.
    Serve,
    /// Print what came of it.
    Report,
    /// Write trades to this file.
    Record(String),
}

/// The command line, read and checked.
pub(crate) struct Flags {
    pub(crate) command: Command,
    pub(crate) replay: Option<String>,
    pub(crate) trades: Option<u64>,
    pub(crate) seed: u64,
    pub(crate) speed: Option<Speed>,
    pub(crate) options: Options,
    /// In milliseconds.
    pub(crate) head_start: Option<i64>,
    /// How many bars of each symbol are reported; `None` is all.
    pub(crate) bars: Option<usize>,
    pub(crate) limits: Limits,
    pub(crate) port: u16,
}

pub(crate) async fn stage() -> Stage {
    Stage::new("Live prices: windows over event time, pushed to a page that updates itself.")
        .arguments(
            "WHAT",
            "report: print what comes of the trades; record FILE: write trades to a file (default: serve the page)",
        )
        .option("--replay", "FILE", "trades of a CSV file instead of the simulated exchange")
        .option("--trades", "N", "the exchange closes after N trades (report and record: 20000)")
        .option("--seed", "S", "other trades for another S (default 7)")
        .option("--speed", "X", "X times real time, or max (default 1; report: max)")
        .option("--bar", "SECONDS", "how long a bar is (default 5)")
        .option("--lateness", "SECONDS", "how late a trade may come (default 2)")
        .option("--bars", "N", "report: show the last N bars of each symbol, or all (default 2)")
        .option("--head-start", "SECONDS", "serve: so much of the market at once (default 300; --replay: 0)")
        .option("--rate", "N", "serve: at most N updates a second for a client (default 10)")
        .option("--streams", "N", "serve: at most N clients at one time (default 1000)")
        .option("--port", "PORT", "serve: listen on PORT; 0 takes a free one (default 8080)")
        .real_io()
        .begin()
        .await
}

/// Ends the program with one line where something is wrong.
pub(crate) fn flags(stage: &Stage) -> Flags {
    let words: Vec<&str> = stage.positional().iter().map(String::as_str).collect();
    let command = match words.as_slice() {
        [] | ["serve"] => Command::Serve,
        ["report"] => Command::Report,
        ["record", file] => Command::Record((*file).to_owned()),
        ["record"] => stage.usage_error("record needs the file to write"),
        _ => stage.usage_error("it takes report, record FILE, or nothing; see --help"),
    };
    let replay: Option<String> = stage.value("--replay");
    let trades = whole(stage, "--trades", 1, 1_000_000_000);
    if replay.is_some() && (trades.is_some() || matches!(command, Command::Record(_))) {
        stage.usage_error(
            "--replay plays a file; --trades and record are for the simulated exchange",
        );
    }
    let rate = whole(stage, "--rate", 1, 1000).unwrap_or(10);
    let pause = Duration::from_secs(1) / u32::try_from(rate).unwrap_or(1);
    let streams = whole(stage, "--streams", 1, 100_000).unwrap_or(1000);
    let defaults = Options::default();
    Flags {
        command,
        replay,
        trades,
        seed: stage.value("--seed").unwrap_or(7),
        speed: stage.value("--speed"),
        options: Options {
            bar: milliseconds(stage, "--bar", 0.5, 86_400.0).unwrap_or(defaults.bar),
            lateness: milliseconds(stage, "--lateness", 0.0, 3600.0).unwrap_or(defaults.lateness),
        },
        head_start: milliseconds(stage, "--head-start", 0.0, 86_400.0),
        bars: bars(stage),
        limits: Limits {
            pause,
            streams: usize::try_from(streams).unwrap_or(1000),
            ..Limits::default()
        },
        port: stage.value("--port").unwrap_or(8080),
    }
}

fn whole(stage: &Stage, name: &str, least: u64, most: u64) -> Option<u64> {
    let value: u64 = stage.value(name)?;
    if !(least..=most).contains(&value) {
        stage.usage_error(format_args!("{name} takes a number from {least} to {most}"));
    }
    Some(value)
}

fn milliseconds(stage: &Stage, name: &str, least: f64, most: f64) -> Option<i64> {
    let seconds = stage.seconds(name)?.as_secs_f64();
    if !(least..=most).contains(&seconds) {
        stage.usage_error(format_args!("{name} takes from {least} to {most} seconds"));
    }
    let rounded = Duration::from_secs_f64(seconds) + Duration::from_micros(500);
    i64::try_from(rounded.as_millis()).ok()
}

fn bars(stage: &Stage) -> Option<usize> {
    let text: Option<String> = stage.value("--bars");
    match text.as_deref() {
        None => Some(2),
        Some("all") => None,
        Some(text) => match text.parse() {
            Ok(bars @ 0..=1_000_000) => Some(bars),
            _ => stage.usage_error("--bars takes all, or a number from 0 to 1000000"),
        },
    }
}
