//! Real requests to a real HTTP server that refuses, breaks off, hangs and is busy.
//!
//! The server is hyper, in this same program, on a free port of 127.0.0.1. You will see what each
//! attempt failed with, how many requests the server has seen, and how often it has charged.
//!
//! ```console
//! $ cargo run -p retry --bin http
//! ```
//!
//! In Python: `aiohttp` with a loop by hand, `tenacity` or `aiohttp-retry`.

mod client;
mod server;
#[cfg(test)]
mod tests;

use std::io;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use backon::ExponentialBuilder;
use bytes::Bytes;
use common::Stage;
use hyper::Method;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use retry::{Causes, GaveUp, Policy, Repeat};
use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use client::{Call, HttpClient};
use server::{Server, closed_port};

fn policy() -> Policy {
    Policy {
        // Short, because this server is near and has nothing else to do. The seed is for this page.
        backoff: ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(10))
            .with_jitter()
            .with_jitter_seed(1),
        // Windows takes two seconds to refuse a connection.
        attempt: Duration::from_secs(5),
        total: Duration::from_secs(20),
        budget: None,
    }
}

/// Sends `call` until it works, and says what came of it.
async fn ask(client: &HttpClient, policy: &Policy, repeat: Repeat, call: &Call) {
    println!("{} {}", call.method, call.uri.path());
    let result = policy
        .run(repeat, |_| call.clone().send(client.clone()))
        .await;
    tell(result);
}

fn tell(result: Result<Bytes, GaveUp>) {
    match result {
        Ok(body) => println!("  {}", String::from_utf8_lossy(&body)),
        Err(gave_up) => println!("  {gave_up}"),
    }
}

/// A server that is not there yet. Before the third attempt it begins to listen.
async fn late(client: &HttpClient, policy: &Policy, server: &Server) -> anyhow::Result<()> {
    let (socket, address) = closed_port()?;
    let mut socket = Some(socket);
    let call = Call {
        method: Method::GET,
        uri: format!("http://{address}/").parse()?,
        key: None,
    };
    println!("GET / before the server listens");
    let result = policy.run(Repeat::Harmless, |attempt| {
        if attempt == 3
            && let Some(socket) = socket.take()
            && let Ok(listener) = socket.listen(128)
        {
            server.clone().serve(listener);
        }
        call.clone().send(client.clone())
    });
    tell(result.await);
    Ok(())
}

async fn all() -> anyhow::Result<()> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let policy = policy();
    let server = Server::default();
    late(&client, &policy, &server).await?;

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    server.clone().serve(listener);
    let impatient = Policy {
        attempt: Duration::from_millis(300),
        ..policy.clone()
    };
    for (path, policy) in [
        ("/breaks", &policy),
        ("/slow", &impatient),
        ("/busy", &policy),
        ("/busy-until", &policy),
        ("/bad", &policy),
    ] {
        let call = Call {
            method: Method::GET,
            uri: format!("http://{address}{path}").parse()?,
            key: None,
        };
        ask(&client, policy, Repeat::Harmless, &call).await;
        println!("  requests: {}", server.requests(path));
    }

    for (path, repeat, key) in [
        ("/charge/blindly", Repeat::Harmless, None),
        ("/charge/carefully", Repeat::Harmful, None),
        ("/charge/with-key", Repeat::Harmless, Some("order 7")),
    ] {
        let call = Call {
            method: Method::POST,
            uri: format!("http://{address}{path}").parse()?,
            key,
        };
        let before = server.charges();
        ask(&client, &policy, repeat, &call).await;
        let charges = server.charges() - before;
        println!("  requests: {}, charges: {charges}", server.requests(path));
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage =
        Stage::new("Real requests to a server that refuses, breaks off, hangs and is busy.")
            .package("retry")
            .real_io()
            .begin()
            .await;
    let causes = Causes::default();
    let lines = tracing_subscriber::fmt::layer()
        .without_time()
        .with_target(false)
        .with_ansi(false)
        .with_writer(io::stdout);
    tracing_subscriber::registry()
        .with(causes.clone())
        .with(lines)
        // hyper-util logs as well, with DEBUG and TRACE: what becomes of each connection.
        .with(LevelFilter::INFO)
        .init();

    if let Err(error) = all().await {
        eprintln!("http: cannot serve on 127.0.0.1: {error:#}");
        return ExitCode::FAILURE;
    }
    println!("{causes}");
    stage.finish()
}
