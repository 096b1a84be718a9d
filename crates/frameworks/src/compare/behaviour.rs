//! What a server does in each situation, seen from its client.

use std::net::SocketAddr;
use std::time::Duration;

use frameworks::suite::{self, Answer, Client, MAX_BODY, Payload};
use futures::FutureExt as _;
use hyper::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::Kind;
use super::server::Server;

/// What was looked at, and what was seen.
pub(super) type Column = Vec<(&'static str, String)>;

/// How long a client waits before it believes that there is no limit.
const LONG: Duration = Duration::from_millis(1300);

const MIB: usize = 1024 * 1024;

/// What the library does alone.
pub(super) async fn by_itself(kind: Kind, server: Server) -> Result<Column, String> {
    let address = server.address;
    let panics = panics(address).await;
    let (hangs_up, slow, silent) = tokio::join!(hangs_up(address), slow(address), silent(address));
    let mut column: Column = Vec::new();
    // Of these hyper brings nothing: whatever `bare.rs` answers is the lesson's own.
    let brings = kind != Kind::Hyper;
    let own = || "–".to_owned();
    let ask = async |method: &'static str, path: &'static str| {
        let answer = send(address, method, path, None, Payload::None).await;
        answer.map(|answer| status_and_kind(&answer))
    };
    let draft = async |content_type, json: &str| {
        let payload = Payload::Whole(json.into());
        let answer = send(address, "POST", "/probe/draft", content_type, payload).await;
        answer.map(|answer| status_and_kind(&answer))
    };
    let json = Some("application/json");
    for (label, cell) in [
        ("an unknown path", ask("GET", "/nowhere").boxed_local()),
        (
            "a method that is not there",
            ask("PATCH", "/probe/seen").boxed_local(),
        ),
        (
            "HEAD where there is GET",
            ask("HEAD", "/probe/seen").boxed_local(),
        ),
        ("JSON that is broken", draft(json, "{").boxed_local()),
        (
            "JSON with a number for the title",
            draft(json, r#"{"title": 7}"#).boxed_local(),
        ),
        (
            "JSON without its content type",
            draft(None, r#"{"title": "milk"}"#).boxed_local(),
        ),
    ] {
        let cell = if brings { cell.await? } else { own() };
        column.push((label, cell));
    }
    column.push(("the handler panics or raises", panics));
    column.push(("the client hangs up: the handler", hangs_up?));
    column.push(("a handler takes a minute", slow));
    column.push(("half a head, then silence", silent?));
    let (largest, beyond) = largest_body(address).await;
    column.push(("the largest body it takes", largest));
    column.push(("a larger one", beyond));
    column.push(("gzip for a client that accepts it", gzip(address).await?));
    Ok(column)
}

/// What the server of the lesson does.
pub(super) async fn as_built(_: Kind, mut server: Server) -> Result<Column, String> {
    let address = server.address;
    let suite = async {
        let mut failures = suite::run(address).await;
        failures.extend(suite::run_probes(address).await);
        failures
    };
    let (failures, hangs_up, slow, silent) =
        tokio::join!(suite, hangs_up(address), slow(address), silent(address));
    for failure in &failures {
        eprintln!("{address} {failure}");
    }
    let steps = suite::steps().len() + suite::probes().len() + 1;
    let passed = format!("{} of {steps}", steps - failures.len());
    let panics = panics(address).await;
    Ok(vec![
        ("steps of the suite passed", passed),
        ("the handler panics or raises", panics),
        ("the client hangs up: the handler", hangs_up?),
        ("a handler takes a minute", slow),
        ("half a head, then silence", silent?),
        ("a body of 64 KiB + 1", body(address, MAX_BODY + 1).await),
        ("a body of 32 MiB", body(address, 32 * MIB).await),
        ("gzip for a client that accepts it", gzip(address).await?),
        ("asked to stop during a request", stops(&mut server).await?),
    ])
}

async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    content_type: Option<&str>,
    payload: Payload,
) -> Result<Answer, String> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", address.to_string());
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    let request = request.body(payload.body());
    let request = request.map_err(|error| error.to_string())?;
    Client::new(address).send(request).await
}

/// `404 html`: the status, and what an error's body is.
fn status_and_kind(answer: &Answer) -> String {
    let status = answer.status;
    if status < 400 {
        return status.to_string();
    }
    if answer.body.is_empty() {
        return format!("{status} empty");
    }
    let media_type = answer.header("content-type").unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default();
    let kind = media_type.rsplit('/').next().unwrap_or_default();
    format!("{status} {}", kind.replace("plain", "text"))
}

async fn panics(address: SocketAddr) -> String {
    let request = |path| {
        Request::get(path)
            .header("host", address.to_string())
            .body(Payload::None.body())
    };
    let (Ok(panics), Ok(next)) = (request("/probe/panic"), request("/notes")) else {
        return "?".to_owned();
    };
    let mut client = Client::new(address);
    let cell = match client.send(panics).await {
        Ok(answer) => answer.status.to_string(),
        Err(_) => "no answer".to_owned(),
    };
    match client.send(next).await {
        Ok(_) if client.connections() == 1 => cell,
        Ok(_) => format!("{cell}*"),
        Err(what) => format!("{cell}, {what}"),
    }
}

/// Asks a handler that waits, and hangs up while it does. What becomes of the handler?
async fn hangs_up(address: SocketAddr) -> Result<String, String> {
    let io = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(address).await.map_err(io)?;
    let head = b"GET /probe/wait HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(head).await.map_err(io)?;
    let mut stream = Some(stream);
    for _ in 0..200 {
        sleep(Duration::from_millis(20)).await;
        let answer = send(address, "GET", "/probe/seen", None, Payload::None).await?;
        let seen: serde_json::Value =
            serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
        // The handler has begun: now the client goes.
        if seen["begun"] == 1 {
            drop(stream.take());
        }
        match (seen["finished"].as_u64(), seen["dropped"].as_u64()) {
            (Some(0), Some(0)) => {}
            (_, Some(0)) => return Ok("goes on".to_owned()),
            _ => return Ok("dropped".to_owned()),
        }
    }
    Err("a handler neither ends nor is dropped".to_owned())
}

async fn slow(address: SocketAddr) -> String {
    let answer = send(address, "GET", "/probe/slow", None, Payload::None);
    match timeout(LONG, answer).await {
        Ok(Ok(answer)) => answer.status.to_string(),
        Ok(Err(_)) => "no answer".to_owned(),
        Err(_) => "waits".to_owned(),
    }
}

/// Sends half a request head. Does the server ever lose patience?
async fn silent(address: SocketAddr) -> Result<String, String> {
    let io = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(address).await.map_err(io)?;
    stream.write_all(b"GET /notes HT").await.map_err(io)?;
    let mut answer = Vec::new();
    Ok(match timeout(LONG, stream.read_to_end(&mut answer)).await {
        Err(_) => "waits",
        Ok(_) if answer.is_empty() => "closed",
        Ok(_) => "answered",
    }
    .to_owned())
}

/// Sends a body, all of it, before it looks for the answer, as many clients do.
async fn body(address: SocketAddr, size: usize) -> String {
    let Ok(mut stream) = TcpStream::connect(address).await else {
        return "refused".to_owned();
    };
    let head = format!(
        "POST /probe/size HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-length: {size}\r\n\r\n"
    );
    let mut written = stream.write_all(head.as_bytes()).await;
    let chunk = vec![b' '; 256 * 1024];
    let mut rest = size;
    while rest > 0 && written.is_ok() {
        let length = rest.min(chunk.len());
        written = stream.write_all(&chunk[..length]).await;
        rest -= length;
    }
    let mut answer = Vec::new();
    if written.is_ok() {
        let _ = stream.read_to_end(&mut answer).await;
    }
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1);
    status.unwrap_or("reset").to_owned()
}

/// The largest of some bodies that is taken, and what becomes of one that is a byte larger.
async fn largest_body(address: SocketAddr) -> (String, String) {
    for mebibytes in [1, 2, 100] {
        let taken = body(address, mebibytes * MIB).await;
        if taken != "200" {
            return (format!("under {mebibytes} MiB"), taken);
        }
        let beyond = body(address, mebibytes * MIB + 1).await;
        if beyond != "200" {
            return (format!("{mebibytes} MiB"), beyond);
        }
    }
    ("> 100 MiB".to_owned(), "200".to_owned())
}

async fn gzip(address: SocketAddr) -> Result<String, String> {
    // Small answers are not worth it, and each server has its own idea of small.
    let json = serde_json::json!({"title": "milk", "text": "bottle ".repeat(1000)});
    let payload = Payload::Whole(json.to_string().into());
    let json = Some("application/json");
    let note = send(address, "POST", "/notes", json, payload).await?;
    let path = note.header("location").ok_or("a note without a location")?;
    let request = Request::get(path)
        .header("host", address.to_string())
        .header("accept-encoding", "gzip")
        .body(Payload::None.body())
        .map_err(|error| error.to_string())?;
    let answer = Client::new(address).send(request).await?;
    let encoding = answer.header("content-encoding");
    Ok(if encoding.as_deref() == Some("gzip") {
        "yes"
    } else {
        "no"
    }
    .to_owned())
}

/// Asks the server to stop while a handler waits.
async fn stops(server: &mut Server) -> Result<String, String> {
    let io = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(server.address).await.map_err(io)?;
    let head = b"GET /probe/wait HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(head).await.map_err(io)?;
    sleep(Duration::from_millis(100)).await;
    if !server.interrupt() {
        return Ok("–".to_owned());
    }
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    let answered = answer.starts_with(b"HTTP/1.1 200");
    let said = if answered { "answered" } else { "no answer" };
    Ok(match server.ended().await {
        Some(0) => said.to_owned(),
        Some(code) => format!("{said}, exit {code}"),
        None => format!("{said}, runs on"),
    })
}
