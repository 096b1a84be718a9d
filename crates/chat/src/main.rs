//! Real-time chat over WebSockets, in the browser and the terminal, over several processes.
//!
//! ```console
//! $ cargo run -p chat
//! $ cargo run -p chat -- join Ada
//! ```
//!
//! The first serves a page and prints its address. The second joins from a terminal; so does
//! everyone who opens the page. Ctrl-C stops either.
//!
//! In Python: `chat.py`, the same in aiohttp. Several processes as with Django Channels: start a
//! Redis, and each server with `--redis redis://127.0.0.1:6379` and a port of its own.

use std::process::ExitCode;
use std::time::Duration;

use chat::join::{Guest, join};
use chat::{Options, Server};
use common::{Stage, StopSignals};
use tokio::net::TcpListener;

/// Flags that say nothing to one who joins.
const OF_THE_SERVER: &[&str] = &[
    "--redis",
    "--max-connections",
    "--rate",
    "--burst",
    "--heartbeat",
    "--history",
    "--patience",
];

// A thread for each core: a message to a thousand people is a thousand writes.
#[tokio::main]
async fn main() -> ExitCode {
    let stage = Stage::new("A chat for browsers and terminals: rooms over WebSockets.")
        .arguments(
            "join NAME [ROOM]",
            "join from this terminal (default: serve)",
        )
        .option(
            "--server",
            "URL",
            "join: where, instead of --port on this machine",
        )
        .option(
            "--port",
            "PORT",
            "listen on PORT, 0 takes a free one; or join there (default 8080)",
        )
        .option(
            "--redis",
            "URL",
            "share rooms through this Redis, redis://127.0.0.1:6379",
        )
        .option(
            "--max-connections",
            "N",
            "so many people at once (default 10500)",
        )
        .option(
            "--rate",
            "N",
            "messages a second that one may send (default 5)",
        )
        .option(
            "--burst",
            "N",
            "messages at once; 0 lifts all limits, to measure (default 20)",
        )
        .option(
            "--heartbeat",
            "SECONDS",
            "ping so often; two without a sign end it (default 20)",
        )
        .option(
            "--history",
            "N",
            "messages that a room keeps for newcomers (default 100)",
        )
        .option(
            "--patience",
            "SECONDS",
            "for a request's head, and for a join (default 5)",
        )
        .real_io()
        .begin()
        .await;
    let words: Vec<&str> = stage.positional().iter().map(String::as_str).collect();
    let result = match words[..] {
        [] => serve(&stage).await,
        ["join", name] => visit(&stage, name, "lobby").await,
        ["join", name, room] => visit(&stage, name, room).await,
        _ => stage.usage_error("say nothing to serve, or: join NAME [ROOM]"),
    };
    if let Err(Failure { error, code }) = result {
        eprintln!("chat: {error}");
        return ExitCode::from(code);
    }
    stage.finish()
}

/// What the last line says, and what the process ends with.
struct Failure {
    error: String,
    code: u8,
}

impl From<String> for Failure {
    fn from(error: String) -> Self {
        Self { error, code: 1 }
    }
}

/// A flag that did nothing would look as if it did something.
fn refuse(stage: &Stage, flags: &[&str], with: &str) {
    for flag in flags {
        if stage.value::<String>(flag).is_some() {
            stage.usage_error(format_args!("{flag} says nothing {with}; leave it out"));
        }
    }
}

async fn visit(stage: &Stage, name: &str, room: &str) -> Result<(), Failure> {
    refuse(stage, OF_THE_SERVER, "to one who joins");
    let server = stage.value("--server").unwrap_or_else(|| {
        let port = port(stage);
        if port == 0 {
            stage.usage_error("--port 0 is no server's; take the port that it has printed");
        }
        format!("ws://127.0.0.1:{port}")
    });
    let guest = Guest {
        server,
        name: name.to_owned(),
        room: room.to_owned(),
    };
    join(guest).await.map_err(|error| Failure {
        error: error.to_string(),
        code: error.exit_code(),
    })
}

async fn serve(stage: &Stage) -> Result<(), Failure> {
    refuse(stage, &["--server"], "to a server; it is for join");
    let options = options(stage);
    let port = port(stage);
    let server = Server::start(options).await.map_err(|error| Failure {
        error: error.to_string(),
        code: error.exit_code(),
    })?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await;
    let listener = listener.map_err(|error| {
        format!("cannot listen on port {port}: {error}; choose another with --port")
    })?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    // Before the line that says it is up: who reads it may press Ctrl-C at once.
    let shutdown = asked_to_stop()?;
    println!("Listening on http://{address}");
    server.run(listener, shutdown).await;
    println!("Stopped.");
    Ok(())
}

fn port(stage: &Stage) -> u16 {
    stage.value("--port").unwrap_or(8080)
}

fn options(stage: &Stage) -> Options {
    let mut options = Options {
        redis: stage.value("--redis"),
        ..Options::default()
    };
    let seconds = |name, default| {
        let seconds = stage.seconds(name).unwrap_or(default);
        if seconds < Duration::from_millis(10) || seconds > Duration::from_hours(24) {
            stage.usage_error(format_args!("{name} must be from 0.01 to 86400"));
        }
        seconds
    };
    options.heartbeat = seconds("--heartbeat", options.heartbeat);
    options.join_within = seconds("--patience", options.join_within);
    options.head_within = options.join_within;
    options.burst = stage.value("--burst").unwrap_or(options.burst);
    options.rate = stage.value("--rate").unwrap_or(options.rate);
    if !(0.001..=1e6).contains(&options.rate) {
        stage.usage_error("--rate must be from 0.001 to 1000000");
    }
    options.max_connections = stage
        .value("--max-connections")
        .unwrap_or(options.max_connections);
    if !(1..=1_000_000).contains(&options.max_connections) {
        stage.usage_error("--max-connections must be from 1 to 1000000");
    }
    options.history = stage.value("--history").unwrap_or(options.history);
    if options.history > 10_000 {
        stage.usage_error("--history must be from 0 to 10000");
    }
    options
}

/// Listens from now on, and completes with the first signal. The next one ends the program at once.
fn asked_to_stop() -> Result<impl Future<Output = ()>, String> {
    let mut stop = StopSignals::listen()?;
    Ok(async move {
        stop.next().await;
        tokio::spawn(async move {
            stop.next().await;
            eprintln!("chat: stopped at once; not everyone was told");
            std::process::exit(130);
        });
    })
}
