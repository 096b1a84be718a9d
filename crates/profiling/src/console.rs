//! What tokio-console is told. Compiled by `cargo console profiling`, which sets the flag.

use std::net::TcpListener;

use anyhow::{Context as _, Result};
use console_subscriber::{ConsoleLayer, Server};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

#[expect(
    unexpected_cfgs,
    reason = "the flag is tokio's, and cargo does not know it"
)]
const _: () = assert!(
    cfg!(tokio_unstable),
    "without its flag tokio tells tokio-console nothing: build with `cargo console profiling`, \
     and without a variable RUSTFLAGS, which cancels the flag"
);

/// Listens for tokio-console, on the port where it looks, and tells it what every task does.
///
/// # Errors
///
/// When something else listens there, such as the same program in another terminal.
pub(crate) fn layer<S>() -> Result<impl Layer<S>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let address = (Server::DEFAULT_IP, Server::DEFAULT_PORT);
    // Tried first: where the port is taken, `spawn` starts a thread that panics.
    TcpListener::bind(address)
        .with_context(|| format!("cannot listen for tokio-console on port {}", address.1))?;
    Ok(ConsoleLayer::builder().server_addr(address).spawn())
}
