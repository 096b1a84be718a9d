//! From bytes on a socket to axum, one layer at a time; the client asks each the same.
//!
//! ```console
//! $ cargo run -p frameworks --bin layers
//! $ cargo run -p frameworks --bin layers -- timeout
//! ```
//!
//! The sockets are in memory (`tokio::io::duplex`), so that the clock can be paused: nothing here
//! depends on whether a stream is a `TcpStream` or one of these.
//!
//! In Python: `asyncio.start_server`, then aiohttp's `web.Server`, then `web.Application`.

mod by_hand;
mod client;
mod connection;
mod graceful;
mod queue;
mod router;
mod time_limit;

use std::process::ExitCode;

use common::Stage;

const STEPS: &str = "bytes | hyper | graceful | timeout | queue | axum";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage = Stage::new("From bytes on a socket to axum, one layer at a time.")
        .package("frameworks")
        .arguments(STEPS, "one of the steps; all, if none is named")
        .begin()
        .await;
    let all: Vec<&str> = STEPS.split(" | ").collect();
    let steps = match stage.positional() {
        [] => all,
        [one] if all.contains(&one.as_str()) => vec![one.as_str()],
        _ => stage.usage_error(format_args!("name one step: {STEPS}")),
    };
    for step in steps {
        if step != "queue" {
            stage.scene(step); // it has several
        }
        match step {
            "bytes" => by_hand::run().await,
            "hyper" => connection::run().await,
            "graceful" => graceful::run().await,
            "timeout" => time_limit::run().await,
            "queue" => queue::run(&stage).await,
            _ => router::run().await,
        }
    }
    stage.finish()
}
