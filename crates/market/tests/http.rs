//! The server over real sockets.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod client;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use client::{Event, Page, events};
use market::exchange::Exchange;
use market::feed::{Feed, Source, Speed};
use market::live::{Limits, Live};
use market::{Options, server};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server in this process. Asked to stop with `stop`.
struct Server {
    live: Arc<Live>,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

fn start(limits: Limits) -> Server {
    let live = Live::new(Options::default(), limits, "a test".to_owned());
    let listener = server::listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let serving = server::serve(listener, Arc::clone(&live), async { drop(stopped.await) });
    Server {
        address,
        serving: tokio::spawn(serving),
        live,
        stop,
    }
}

fn feed(count: u64, speed: Speed) -> Feed {
    Feed::new(
        Source::Exchange(Box::new(Exchange::new(7, Some(count)))),
        speed,
    )
}

/// A connection that reads what a stream says. It decodes what it needs of HTTP by hand.
struct Reader {
    socket: TcpStream,
    text: Vec<u8>,
}

impl Reader {
    /// Asks for this, with these lines in the head of the request.
    async fn get(server: &Server, path: &str, head: &str) -> Self {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let text = Vec::new();
        Self { socket, text }
    }

    /// Reads until there is this text, and returns what came until then.
    async fn until(&mut self, what: &str) -> String {
        loop {
            let text = String::from_utf8_lossy(&self.text).into_owned();
            if let Some(at) = text.find(what) {
                self.text.drain(..at + what.len());
                return text[..at + what.len()].to_owned();
            }
            let read = self.socket.read_buf(&mut self.text).await.unwrap();
            assert_ne!(read, 0, "it ended before {what:?}: {text}");
        }
    }

    /// Reads the events until this one has come.
    async fn events_until(&mut self, name: &str) -> Vec<Event> {
        let text = self.until(&format!("event: {name}\ndata: ")).await;
        let rest = self.until("\n\n").await;
        // Between them stand the sizes of the chunks, in lines of their own.
        let text = (text + &rest).replace("\r\n", "\n");
        events(text.as_bytes())
    }
}

/// Status, head and body of an answer with a length.
async fn ask(server: &Server, request: &str) -> (u16, String, String) {
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let request = format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

#[tokio::test]
async fn paths_and_methods() {
    let server = start(Limits::default());
    server
        .live
        .add(&Exchange::new(7, Some(1000)).collect::<Vec<_>>());
    for (request, status, kind) in [
        ("GET /", 200, "text/html; charset=utf-8"),
        ("HEAD /", 200, "text/html; charset=utf-8"),
        ("GET /market.js", 200, "text/javascript; charset=utf-8"),
        ("GET /chart.js", 200, "text/javascript; charset=utf-8"),
        ("GET /market.css", 200, "text/css; charset=utf-8"),
        ("GET /state", 200, "application/json"),
        ("GET /state?symbols=ACME", 200, "application/json"),
        ("GET /state?symbols=ACME%2cBOLT", 200, "application/json"),
        ("GET /state?other=1", 200, "application/json"),
        ("HEAD /events", 200, "text/event-stream"),
        ("GET /state?symbols=NONE", 404, "application/json"),
        ("GET /state?symbols=%00", 404, "application/json"),
        ("GET /state?symbols=%ff%zz%2", 404, "application/json"),
        ("GET /events?symbols=ACME,NONE", 404, "application/json"),
        ("GET /../Cargo.toml", 404, "application/json"),
        ("GET /market.js/", 404, "application/json"),
        ("POST /", 405, "application/json"),
        ("DELETE /events", 405, "application/json"),
    ] {
        let (found, head, body) = ask(&server, request).await;
        assert_eq!(found, status, "{request}: {body}");
        assert!(
            head.contains(&format!("content-type: {kind}")),
            "{request}: {head}"
        );
        assert!(head.contains("content-security-policy: default-src 'none'; script-src 'self'"));
        assert_eq!(
            head.contains("allow: get, head"),
            status == 405,
            "{request}"
        );
        if status >= 400 {
            let body: Value = serde_json::from_str(&body).unwrap();
            assert!(body["error"].is_string(), "{request}: {body}");
        }
    }
    let (_, _, body) = ask(&server, "GET /state?symbols=ACME").await;
    let state: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(state["symbols"].as_array().unwrap().len(), 1);
    assert_eq!(state["source"], "a test");
    let (_, _, body) = ask(&server, "GET /state?symbols=%3Cb%3E").await;
    assert_eq!(body, r#"{"error":"there is no symbol <b>"}"#);
}

#[tokio::test]
async fn from_the_snapshot_to_the_end() {
    let server = start(Limits {
        pause: Duration::from_millis(1),
        ..Limits::default()
    });
    let mut reader = Reader::get(&server, "/events", "").await;
    let head = reader.until("\r\n\r\n").await;
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    reader.until("retry: 1000\n\n").await;
    let playing = tokio::spawn({
        let live = Arc::clone(&server.live);
        // Two minutes of the market in a quarter of a second.
        async move { live.play(feed(2400, Speed::Times(500.0))).await }
    });
    let mut page = Page::default();
    let all = reader.events_until("end").await;
    page.take(&all);
    playing.await.unwrap().unwrap();
    assert_eq!(all[0].name, "snapshot");
    assert!(all.iter().filter(|event| event.name == "update").count() > 1);

    let (_, _, state) = ask(&server, "GET /state").await;
    let mut expected = Page::default();
    expected.snapshot(&serde_json::from_str(&state).unwrap());
    assert!(std::mem::take(&mut page.has_ended));
    assert_eq!(page, expected);

    // Who knows the end is told not to come back.
    let id = all.iter().rev().find(|event| !event.id.is_empty()).unwrap();
    let head = format!("Last-Event-ID: {}\r\n", id.id);
    let answer = Reader::get(&server, "/events", &head)
        .await
        .until("\r\n")
        .await;
    assert_eq!(answer, "HTTP/1.1 204 No Content\r\n");
}

#[tokio::test]
async fn no_more_streams_than_allowed() {
    let server = start(Limits {
        streams: 2,
        ..Limits::default()
    });
    let mut first = Reader::get(&server, "/events", "").await;
    first.until("event: snapshot").await;
    let mut second = Reader::get(&server, "/events", "").await;
    second.until("event: snapshot").await;
    let (status, head, _) = ask(&server, "GET /events").await;
    assert_eq!(status, 503);
    assert!(head.contains("retry-after: 5"), "{head}");
    assert_eq!(ask(&server, "GET /state").await.0, 200, "the rest goes on");

    // One goes, although nothing is sent to it that could fail: its place is free.
    drop(first);
    loop {
        let mut third = Reader::get(&server, "/events", "").await;
        if third.until("\r\n").await.contains("200") {
            break;
        }
    }
}

/// The system keeps something for a client that does not read, however. This bounds it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_the_system_keeps_for_who_never_reads() {
    let server = start(Limits {
        pause: Duration::ZERO,
        ..Limits::default()
    });
    let never_reads = Reader::get(&server, "/events", "").await;
    while server.live.made().0 == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Until nothing was made for it for a while: then all buffers are full.
    let trades: Vec<_> = Exchange::new(7, Some(60_000)).collect();
    let (mut before, mut since) = ((0, 0), 0);
    for some in trades.chunks(40) {
        server.live.add(some);
        tokio::time::sleep(Duration::from_micros(100)).await;
        since = if server.live.made() == before {
            since + 1
        } else {
            0
        };
        before = server.live.made();
    }
    let (updates, bytes) = server.live.made();
    assert!(
        since > 300,
        "it goes on and on: {updates} updates, {bytes} bytes"
    );
    assert!(bytes < 1_000_000, "{updates} updates, {bytes} bytes");
    drop(never_reads);
}

#[tokio::test]
async fn a_server_that_stops_says_bye() {
    let server = start(Limits {
        grace: Duration::from_secs(20),
        ..Limits::default()
    });
    let mut reader = Reader::get(&server, "/events", "").await;
    reader.until("event: snapshot").await;
    server.stop.send(()).unwrap();
    reader.until("event: bye\ndata: {}\n\n").await;
    // The end of the body, and then of the connection.
    reader.until("\r\n0\r\n\r\n").await;
    assert_eq!(reader.socket.read(&mut [0]).await.unwrap(), 0);
    server.serving.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}
