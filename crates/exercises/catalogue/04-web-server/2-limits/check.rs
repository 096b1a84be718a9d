use std::time::Duration;

use exercises::{check, same, wrong};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::{sleep, timeout};

use super::exercise::{MAX_BODY, PATIENCE, serve};

/// A client, connected through memory: no socket, and so on virtual time.
fn client() -> DuplexStream {
    let (client, server) = duplex(64 * 1024);
    tokio::spawn(serve(server));
    client
}

/// The first line of the answer; nothing, if the server hangs up instead.
async fn answer(client: &mut DuplexStream) -> String {
    let mut bytes = vec![0; 64 * 1024];
    let count = client.read(&mut bytes).await.unwrap_or(0);
    let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
    text.lines().next().unwrap_or_default().to_owned()
}

fn post(body: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn chunked(body: &str) -> String {
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
    )
}

#[test]
fn a_body_within_the_limit_is_echoed() {
    check(async {
        for request in [post(&"x".repeat(MAX_BODY)), chunked("hello")] {
            let mut client = client();
            client.write_all(request.as_bytes()).await.unwrap();
            same("the answer", answer(&mut client).await, "HTTP/1.1 200 OK");
        }
    });
}

#[test]
fn a_declared_body_above_the_limit_is_413() {
    check(async {
        let mut client = client();
        let request = post(&"x".repeat(MAX_BODY + 1));
        client.write_all(request.as_bytes()).await.unwrap();
        let line = answer(&mut client).await;
        same("the answer", line, "HTTP/1.1 413 Payload Too Large");
    });
}

#[test]
fn an_undeclared_body_above_the_limit_is_413() {
    check(async {
        let mut client = client();
        let request = chunked(&"x".repeat(MAX_BODY + 1));
        client.write_all(request.as_bytes()).await.unwrap();
        let line = answer(&mut client).await;
        if line == "HTTP/1.1 200 OK" {
            wrong(
                "declared-length-is-the-length",
                "A chunked body of 1025 bytes was taken: it declares no length.",
            );
        }
        same("the answer", line, "HTTP/1.1 413 Payload Too Large");
    });
}

#[test]
fn half_a_request_is_cut_off() {
    check(async {
        let mut client = client();
        client.write_all(b"POST / HTTP/1.1\r\nhost:").await.unwrap();
        let mut rest = Vec::new();
        let end = client.read_to_end(&mut rest);
        let Ok(_) = timeout(PATIENCE + Duration::from_secs(60), end).await else {
            wrong(
                "limits-are-there-by-default",
                "A client sent half a head and then nothing. A minute after PATIENCE it is still \
                 connected.",
            );
        };
    });
}

#[test]
fn a_client_that_goes_on_stays_connected() {
    check(async {
        let mut client = client();
        for number in 1..=5 {
            // An error says the same as no answer: the server has hung up.
            let sent = client.write_all(post("hello").as_bytes()).await;
            let line = answer(&mut client).await;
            if sent.is_err() || line.is_empty() {
                wrong(
                    "timer-around-everything",
                    format!(
                        "A client that sends a request every two seconds was cut off before its request {number}."
                    ),
                );
            }
            same("the answer", line, "HTTP/1.1 200 OK");
            sleep(Duration::from_secs(2)).await;
        }
    });
}
