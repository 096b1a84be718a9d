//! Measures the chat under load: ten thousand connections that are silent, and one message for a
//! thousand readers; in Rust and in aiohttp.
//!
//! ```console
//! $ cargo run --release -p chat --bin load
//! $ cargo run --release -p chat --bin load -- idle --connections 10000
//! $ cargo run --release -p chat --bin load -- fanout --receivers 1000 --messages 100
//! ```
//!
//! Each server is a process of its own, so that its memory and its CPU time are its own; one after
//! the other, so that they do not take each other's cores. Every message is checked: it arrives
//! once, in order, at everyone.

mod client;
mod fanout;
mod idle;
mod server;
mod table;

use std::future::pending;
use std::process::ExitCode;

use chat::{Options, Server};
use common::Stage;
use tokio::net::TcpListener;

use server::Kind;

/// Connections that this program and a server need beside those that are measured.
const SPARE: usize = 100;

#[tokio::main]
async fn main() -> ExitCode {
    let stage = Stage::new("Measures the chat under load, in Rust and in aiohttp.")
        .package("chat")
        .arguments(
            "[compare | idle | fanout]",
            "what to measure (default compare: both)",
        )
        .option("--connections", "N", "idle: so many (default 10000)")
        .option("--receivers", "N", "fanout: in one room (default 1000)")
        .option(
            "--messages",
            "N",
            "fanout: at once; and one by one (default 100)",
        )
        .option("--rounds", "N", "fanout: how often (default 5)")
        .option(
            "--only",
            "NAMES",
            "some of rust,rust-1,aiohttp,aiohttp-batch",
        )
        .real_io()
        .begin()
        .await;
    let words: Vec<&str> = stage.positional().iter().map(String::as_str).collect();
    let (idle, fanout) = match words[..] {
        [] | ["compare"] => (true, true),
        ["idle"] => (true, false),
        ["fanout"] => (false, true),
        // What this program starts to measure it.
        ["serve"] => return serve().await,
        _ => stage.usage_error("say compare, idle or fanout"),
    };
    let number = |name, default, most| {
        let number = stage.value(name).unwrap_or(default);
        if number == 0 || number > most {
            stage.usage_error(format_args!("{name} must be from 1 to {most}"));
        }
        number
    };
    let connections = number("--connections", 10_000, 60_000);
    let receivers = number("--receivers", 1000, 60_000);
    let messages = number("--messages", 100, 1000);
    let rounds = number("--rounds", 5, 1000);
    let only: Option<String> = stage.value("--only");
    let kinds = match only.as_deref().map(server::kinds).transpose() {
        Ok(kinds) => kinds.unwrap_or(server::KINDS.to_vec()),
        Err(other) => stage.usage_error(format_args!(
            "--only knows rust, rust-1, aiohttp and aiohttp-batch, but not {other:?}"
        )),
    };
    let kinds: Vec<Kind> = kinds.into_iter().filter(|kind| kind.runs_here()).collect();

    let measured = async {
        if idle {
            idle::compare(&kinds, within_limit("connections", connections)).await?;
        }
        if fanout {
            let receivers = within_limit("receivers", receivers);
            fanout::compare(&kinds, receivers, messages, rounds).await?;
        }
        Ok::<(), String>(())
    };
    if let Err(error) = measured.await {
        eprintln!("load: {error}");
        return ExitCode::FAILURE;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let build = if cfg!(debug_assertions) {
        "a debug build: use --release to compare"
    } else {
        "a release build"
    };
    println!(
        "{cores} cores, which the server and this program share; {}, {build}",
        std::env::consts::OS
    );
    stage.finish()
}

/// A connection is a file to the system, for the client and for the server. Takes fewer if that is
/// more than a process may open, and says so.
fn within_limit(what: &str, number: usize) -> usize {
    let Ok(limits) = std::fs::read_to_string("/proc/self/limits") else {
        return number;
    };
    let line = limits
        .lines()
        .find_map(|l| l.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    let Some(soft) = soft.filter(|soft| *soft < number + SPARE) else {
        return number;
    };
    let fewer = soft.saturating_sub(SPARE).max(1);
    println!(
        "only {fewer} {what} instead of {number}: a process may open {soft} files here; \
         `ulimit -n {}` allows more",
        number + SPARE
    );
    fewer
}

/// The server that is measured, until it is killed.
async fn serve() -> ExitCode {
    let options = Options {
        burst: 0,
        max_connections: 100_000,
        ..Options::default()
    };
    let served = async {
        let server = Server::start(options).await.map_err(|e| e.to_string())?;
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(|e| e.to_string())?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        println!("Listening on http://{address}");
        server.run(listener, pending()).await;
        Ok::<(), String>(())
    };
    match served.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}
