//! Live prices: windows over event time, pushed to a page that updates itself.
//!
//! You will see a simulated exchange, or real trades out of a file, become bars, averages and
//! alerts, in a page that follows it over Server-Sent Events. A browser that is too slow sees the
//! latest prices less often, and costs no more than a fast one.
//!
//! ```console
//! $ cargo run -p market
//! $ cargo run -p market -- --replay crates/market/sample.csv --speed 10
//! $ cargo run -p market -- report --replay crates/market/sample.csv
//! $ cargo run -p market -- record trades.csv --trades 100000
//! ```
//!
//! A file has the header `time,symbol,price,volume`; a time is RFC 3339 or milliseconds since 1970.
//!
//! In Python: aiohttp's `StreamResponse` and an `asyncio.Event` for each client, in `live.py`;
//! `market.py` is the same program and prints the same report.

mod command_line;

use std::error::Error;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use command_line::{Command, Flags};
use common::StopSignals;
use market::exchange::Exchange;
use market::feed::{Feed, Source, Speed};
use market::live::Live;
use market::replay::{Bad, HEADER, OpenError, Replay};
use market::{report, server, time, trade};
use tokio::runtime;

/// How many trades a report or a recording has if nobody says.
const TRADES: u64 = 20_000;

/// What `#[tokio::main]` would make, but for the end: that would wait for the thread that reads the
/// file, and where the file is a pipe (`--replay /dev/stdin`), nothing may come any more.
fn main() -> ExitCode {
    let runtime = match runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format_args!("cannot start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(run());
    runtime.shutdown_background();
    code
}

async fn run() -> ExitCode {
    let stage = command_line::stage().await;
    let flags = command_line::flags(&stage);
    let done = match &flags.command {
        Command::Serve => serve(&flags).await,
        Command::Report => report(&flags).await,
        Command::Record(file) => record(&flags, file),
    };
    match done {
        Ok(()) => stage.finish(),
        Err(error) => {
            let is_header = error
                .downcast_ref()
                .is_some_and(|error| matches!(error, OpenError::Header { .. }));
            if is_header {
                stage.usage_error(error);
            }
            complain(error);
            ExitCode::FAILURE
        }
    }
}

/// Where the trades come from, and the same in words.
async fn source(flags: &Flags, trades: Option<u64>) -> Result<(Source, String), OpenError> {
    if let Some(file) = &flags.replay {
        let replay = Replay::open(file).await?;
        let name = format!("replay of {file}");
        return Ok((Source::Replay(Box::new(replay)), name));
    }
    let exchange = Exchange::new(flags.seed, trades);
    let name = format!("simulated exchange, seed {}", flags.seed);
    Ok((Source::Exchange(Box::new(exchange)), name))
}

async fn report(flags: &Flags) -> Result<(), Box<dyn Error>> {
    let (source, name) = source(flags, flags.trades.or(Some(TRADES))).await?;
    let feed = Feed::new(source, flags.speed.unwrap_or(Speed::Max));
    let report = report::run(feed, name, flags.options, flags.bars).await;
    let report = report.map_err(|error| format!("cannot read the file any further: {error}"))?;
    // Not `println!`, which panics when the disk is full or the reader has gone.
    let mut out = BufWriter::new(io::stdout().lock());
    match write!(out, "{report}").and_then(|()| out.flush()) {
        // `report | head -3` has read what it wanted. As a shell says it of a program that SIGPIPE ends.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(141),
        printed => Ok(printed.map_err(|error| format!("cannot write the report: {error}"))?),
    }
}

/// Writes what the exchange does. Nothing else runs meanwhile, so it may block.
fn record(flags: &Flags, path: &str) -> Result<(), Box<dyn Error>> {
    let trades = flags.trades.unwrap_or(TRADES);
    let write = || {
        let mut file = BufWriter::new(File::create(path)?);
        let seed = flags.seed;
        let made_by = "cargo run -p market -- record FILE";
        writeln!(
            file,
            "# A simulated exchange, seed {seed}, {trades} trades; made by: {made_by}"
        )?;
        writeln!(file, "{HEADER}")?;
        for each in Exchange::new(seed, Some(trades)) {
            let time = time::rfc3339_text(each.time);
            let (price, volume) = (trade::price(each.price), trade::volume(each.volume.into()));
            writeln!(file, "{time},{},{price},{volume}", each.symbol)?;
        }
        file.flush()
    };
    Ok(write().map_err(|error: io::Error| format!("cannot write {path}: {error}"))?)
}

async fn serve(flags: &Flags) -> Result<(), Box<dyn Error>> {
    let (source, name) = source(flags, flags.trades).await?;
    // Who looks at the page need not know where on the disk the file is.
    let name = match &flags.replay {
        Some(file) => {
            let file = Path::new(file).file_name().unwrap_or_default();
            format!("replay of {}", file.display())
        }
        None => name,
    };
    let head_start = match (flags.head_start, &flags.replay) {
        (Some(head_start), _) => head_start,
        (None, Some(_)) => 0,
        (None, None) => 300_000,
    };
    let port = flags.port;
    let listener = server::listen(port).map_err(|error| {
        format!("cannot listen on port {port}: {error}; choose another with --port")
    })?;
    let address = listener.local_addr()?;
    let live = Live::new(flags.options, flags.limits, name);
    let feed = Feed::new(source, flags.speed.unwrap_or(Speed::Times(1.0))).head_start(head_start);
    let playing = tokio::spawn({
        let live = live.clone();
        async move { tell(live.play(feed).await) }
    });
    // Before anybody can know that there is something to stop.
    let signals = StopSignals::listen()?;
    println!("Open http://{address} in a browser. Ctrl-C ends.");
    server::serve(listener, live, asked_to_stop(signals)).await;
    playing.abort();
    println!("Stopped.");
    Ok(())
}

/// What was wrong with the file, once it is over. The page stays.
fn tell(played: io::Result<Bad>) {
    match played {
        Err(error) => complain(format_args!("cannot read the file any further: {error}")),
        Ok(bad) => {
            if let Some((line, what)) = bad.first {
                complain(format_args!(
                    "bad lines {}, the first is line {line}: {what}",
                    bad.lines
                ));
            }
        }
    }
}

fn complain(what: impl Display) {
    eprintln!("market: {what}");
}

/// Completes when somebody wants the program to end. The next time it ends at once.
async fn asked_to_stop(mut signals: StopSignals) {
    signals.next().await;
    tokio::spawn(async move {
        signals.next().await;
        complain("stopped at once");
        std::process::exit(130);
    });
}
