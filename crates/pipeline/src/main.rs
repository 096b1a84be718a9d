//! A pipeline over access logs of any size, in constant memory.
//!
//! It reads, parses on all cores, asks a service for the country of each client, adds up, and
//! prints a report. Lines that are no records are counted by kind and set aside.
//!
//! ```console
//! $ cargo run -p pipeline
//! $ cargo run -p pipeline -- generate --size 100MB --output access.ndjson
//! $ cargo run -p pipeline -- access.ndjson --bad bad.txt
//! $ cargo run -p pipeline -- streams
//! ```
//!
//! In Python: `async for` over an async generator, `asyncio.Semaphore`, and a `ProcessPoolExecutor`
//! for what computes. `pipeline.py` is the whole program in Python and prints the same report.
//!
//! Begin to read in `pipeline.rs`, or with the small examples in `streams.rs`.

mod bad;
mod batch;
mod chunks;
mod command_line;
mod countries;
mod generate;
mod pipeline;
mod record;
mod report;
mod stats;
mod streams;
mod tally;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use common::Stage;
use futures::FutureExt as _;
use tokio::runtime;
#[cfg(unix)]
use tokio::signal::unix::Signal as CtrlC;
#[cfg(windows)]
use tokio::signal::windows::CtrlC;
use tokio_util::sync::CancellationToken;

use chunks::{Broken, Chunks};
use command_line::Command;
use stats::Stats;

/// Reads the inputs and prints the report.
async fn analyse(stage: &Stage) -> ExitCode {
    let (inputs, options) = match command_line::inputs(stage) {
        Ok(read) => read,
        Err(error) => return fail(error),
    };
    let names = inputs.iter().map(|input| input.name.clone()).collect();
    let stop = CancellationToken::new();
    match listen() {
        Ok(ctrl_c) => drop(tokio::spawn(stop_on_ctrl_c(ctrl_c, stop.clone()))),
        Err(error) => return fail(format_args!("cannot listen for Ctrl-C: {error}")),
    }
    let progress = stats::progress_bar(&inputs);
    let stats = Stats::begin(stage.is_on("--stats"));

    let chunks = Chunks::new(inputs, stop, progress.clone());
    let service = Arc::new(|client| countries::service(client).boxed());
    let report = pipeline::run(names, chunks, service, &options).await;
    progress.finish_and_clear();
    let report = match report {
        Ok(report) => report,
        Err(error) => return fail(error),
    };
    // Not `println!`, which panics when the disk is full or the reader has gone.
    let mut out = io::stdout().lock();
    let printed = write!(out, "{report}").and_then(|()| out.flush());
    if let Err(error) = printed {
        return fail(format_args!("cannot write the report: {error}"));
    }
    stats.end(progress.position());
    if !report.is_balanced() {
        return fail("lines were lost, which is a mistake in this program");
    }
    match report.broken {
        None => ExitCode::SUCCESS,
        Some(Broken::Stopped) => ExitCode::from(130),
        Some(Broken::Failed(why)) => fail(why),
    }
}

/// The first Ctrl-C ends the reading. The second one ends the program.
async fn stop_on_ctrl_c(mut ctrl_c: CtrlC, stop: CancellationToken) {
    ctrl_c.recv().await;
    stop.cancel();
    eprintln!("pipeline: stopping; the report is of what was read");
    ctrl_c.recv().await;
    std::process::exit(130);
}

/// Listens from now on. `tokio::signal::ctrl_c()` would listen from its first poll on: too late, if
/// the first reads are done so fast that this task has no turn before them.
#[cfg(unix)]
fn listen() -> io::Result<CtrlC> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::interrupt())
}

#[cfg(windows)]
fn listen() -> io::Result<CtrlC> {
    tokio::signal::windows::ctrl_c()
}

fn fail(why: impl std::fmt::Display) -> ExitCode {
    eprintln!("pipeline: {why}");
    ExitCode::FAILURE
}

/// Not with `>`: there are shells that take what they redirect for text, and change it.
fn generate(options: &generate::Options, file: Option<&str>) -> Result<(), String> {
    let cannot = |error| format!("cannot write {}: {error}", file.unwrap_or("the log"));
    let out: Box<dyn Write> = match file {
        Some(path) => Box::new(File::create(path).map_err(cannot)?),
        None => Box::new(io::stdout().lock()),
    };
    generate::write(out, options).map_err(cannot)
}

async fn run() -> ExitCode {
    let stage = command_line::stage().await;
    let code = match command_line::command(&stage) {
        Command::Analyse => analyse(&stage).await,
        Command::Streams(parts) => {
            streams::run(&stage, &parts).await;
            ExitCode::SUCCESS
        }
        Command::Generate(options, file) => match generate(&options, file.as_deref()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => fail(why),
        },
    };
    let drawn = stage.finish();
    if code == ExitCode::SUCCESS {
        drawn
    } else {
        code
    }
}

/// One thread for the tasks, as `#[tokio::main(flavor = "current_thread")]` would make it, and
/// others for what computes. That macro ends by waiting for all threads, and one of them may wait
/// for standard input, where nothing comes any more.
fn main() -> ExitCode {
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(format_args!("cannot start the runtime: {error}")),
    };
    let code = runtime.block_on(run());
    runtime.shutdown_background();
    code
}
