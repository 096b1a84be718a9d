//! A client that writes bytes and shows what comes back.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::sleep;

/// Both ends of a connection.
pub(crate) fn connection() -> (DuplexStream, DuplexStream) {
    duplex(64 * 1024)
}

/// A request after which the connection may go on.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: example\r\n\r\n")
}

/// The last request of a connection.
pub(crate) fn last(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: example\r\nConnection: close\r\n\r\n")
}

/// Sends these pieces, a tenth of a second apart, and says what came until the server closed.
pub(crate) async fn send(mut socket: DuplexStream, pieces: &[&str]) -> String {
    let mut answer = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        if number > 0 {
            sleep(Duration::from_millis(100)).await;
        }
        // The server may have closed already. What it had sent can still be read.
        let _ = socket.write_all(piece.as_bytes()).await;
    }
    let _ = socket.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    let answers = answer.split("HTTP/1.1 ").skip(1).map(short);
    let answers: Vec<String> = answers.collect();
    if answers.is_empty() {
        "closed without an answer".to_owned()
    } else {
        answers.join(", then ")
    }
}

/// `200 "you asked for /milk"`
fn short(answer: &str) -> String {
    let status = answer.split(' ').next().unwrap_or_default();
    match answer.split_once("\r\n\r\n") {
        Some((_, body)) if !body.is_empty() => format!("{status} {body:?}"),
        _ => status.to_owned(),
    }
}
