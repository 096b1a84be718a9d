//! How fast a server is, seen from another process.

use std::net::SocketAddr;
use std::time::Duration;

use frameworks::suite::{Client, Payload};
use futures::future::{join_all, try_join_all};
use hyper::Request;
use tokio::time::{Instant, sleep};

use super::Kind;
use super::server::Server;

/// How many clients ask at the same time, each over its own connection, which it keeps.
pub(super) const CONNECTIONS: usize = 32;

/// How many connections lie idle while the memory is looked at.
const IDLE: u32 = 500;

pub(super) const LABELS: [&str; 4] = [
    "requests per second",
    "server CPU per request",
    "memory, idle",
    "memory per idle connection",
];

/// Measures one server, as the lesson builds it: `GET` of one note.
pub(super) async fn measure(kind: Kind, duration: Duration) -> Result<[String; 4], String> {
    let server = Server::start(kind, false)?;
    let address = server.address;
    let path = create(address).await?;
    // A first round that does not count: connections, caches, the allocator.
    requests(address, &path, duration / 4).await?;
    let none = || "–".to_owned();
    let (before, begin) = (server.cpu(), Instant::now());
    let answered = requests(address, &path, duration).await?;
    let (after, elapsed) = (server.cpu(), begin.elapsed());
    let cpu = before.zip(after).map(|(before, after)| {
        let each = (after - before).as_secs_f64() * 1e6 / f64::from(answered);
        format!("{each:.1} µs")
    });

    let idle = server.memory();
    let clients: Vec<Client> = connect(address, &path).await?;
    let with = server.memory();
    drop(clients);
    let memory = idle.map(|idle| format!("{:.1} MB", f64::from(idle) * 1024.0 / 1e6));
    let each = idle.zip(with).map(|(idle, with)| {
        let each = f64::from(with.saturating_sub(idle)) * 1024.0 / f64::from(IDLE);
        format!("{:.1} KB", each / 1e3)
    });
    Ok([
        format!("{:.0}", f64::from(answered) / elapsed.as_secs_f64()),
        cpu.unwrap_or_else(none),
        memory.unwrap_or_else(none),
        each.unwrap_or_else(none),
    ])
}

async fn create(address: SocketAddr) -> Result<String, String> {
    let json = r#"{"title": "milk", "text": "two bottles"}"#;
    let request = Request::post("/notes")
        .header("host", address.to_string())
        .header("content-type", "application/json")
        .body(Payload::Whole(json.into()).body())
        .map_err(|error| error.to_string())?;
    let answer = Client::new(address).send(request).await?;
    let location = answer.header("location");
    location.ok_or_else(|| format!("a note without a location: {answer}"))
}

async fn get(client: &mut Client, host: &str, path: &str) -> Result<(), String> {
    let request = Request::get(path)
        .header("host", host)
        .body(Payload::None.body())
        .map_err(|error| error.to_string())?;
    let answer = client.send(request).await?;
    if answer.status == 200 {
        Ok(())
    } else {
        Err(format!("expected 200, found {answer}"))
    }
}

/// Asks again and again, on all connections at once. How often it was answered.
async fn requests(address: SocketAddr, path: &str, duration: Duration) -> Result<u32, String> {
    let end = Instant::now() + duration;
    let host = &address.to_string();
    let one = || async move {
        let mut client = Client::new(address);
        let mut answered = 0;
        while Instant::now() < end {
            get(&mut client, host, path).await?;
            answered += 1;
        }
        Ok::<u32, String>(answered)
    };
    let answered = try_join_all((0..CONNECTIONS).map(|_| one())).await?;
    Ok(answered.iter().sum())
}

/// Connections that have been used once.
async fn connect(address: SocketAddr, path: &str) -> Result<Vec<Client>, String> {
    let host = &address.to_string();
    let one = || async move {
        let mut client = Client::new(address);
        get(&mut client, host, path).await?;
        Ok::<Client, String>(client)
    };
    let clients = join_all((0..IDLE).map(|_| one())).await;
    sleep(Duration::from_millis(100)).await;
    clients.into_iter().collect()
}
