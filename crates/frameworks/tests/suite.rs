//! All four servers pass the one suite.

#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use frameworks::{Options, bare, suite, with_axum};
use tokio::net::TcpListener;

mod program;

use program::Server;

const OPTIONS: Options = Options {
    time_limit: Duration::from_millis(300),
    patience: Duration::from_secs(10),
    grace: Duration::from_secs(10),
    probes: true,
    defaults: false,
};

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn passes(address: SocketAddr) {
    let mut failures = suite::run(address).await;
    failures.extend(suite::run_probes(address).await);
    let failures: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[tokio::test]
async fn bare_hyper_passes() {
    let (listener, address) = listener().await;
    tokio::spawn(bare::serve(listener, OPTIONS, pending()));
    passes(address).await;
}

#[tokio::test]
async fn axum_passes() {
    let (listener, address) = listener().await;
    tokio::spawn(with_axum::serve(listener, OPTIONS, pending()));
    passes(address).await;
}

#[tokio::test]
async fn aiohttp_passes() {
    if let Some(server) = Server::python("frameworks.py", "aiohttp") {
        passes(server.address).await;
    }
}

#[tokio::test]
async fn tornado_passes() {
    if let Some(server) = Server::python("with_tornado.py", "tornado") {
        passes(server.address).await;
    }
}

/// The names of the steps that fail.
async fn fails(address: SocketAddr) -> Vec<String> {
    let mut failures = suite::run(address).await;
    failures.extend(suite::send_all(address, &suite::probes()[..2]).await);
    failures.into_iter().map(|failure| failure.step).collect()
}

#[tokio::test]
async fn the_suite_sees_what_is_missing() {
    let defaults = Options {
        defaults: true,
        ..OPTIONS
    };
    let (socket, address) = listener().await;
    tokio::spawn(bare::serve(socket, defaults, pending()));
    let missing = fails(address).await;
    assert_eq!(
        missing,
        [
            "a body of 64 KiB and one byte",
            "the same in chunks",
            // The two notes that were not refused are in each list.
            "an empty search finds all",
            "the first two",
            "the next two",
            "past the end",
            "an unknown parameter is ignored",
            "empty again",
            "before",
            "a handler that panics",
        ]
    );

    let (socket, address) = listener().await;
    tokio::spawn(with_axum::serve(socket, defaults, pending()));
    let missing = fails(address).await;
    assert!(missing.contains(&"another path".to_owned()), "{missing:?}");
}

#[tokio::test]
async fn the_suite_says_what_it_found() {
    let (socket, address) = listener().await;
    drop(socket);
    let failures = suite::run(address).await;
    assert_eq!(failures.len(), suite::steps().len() + 1, "nobody listens");
    let line = failures[0].to_string();
    assert!(
        line.starts_with("no notes yet: GET /notes: cannot connect: "),
        "{line}"
    );
}
