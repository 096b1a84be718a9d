use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use exercises::{check_real, same, wrong};
use hyper::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::exercise::{Failure, HttpClient, LIMIT, fetch};

#[derive(Clone, Copy)]
enum Server {
    Good,
    Silent,
    HalfABody,
    /// A byte every quarter of a second.
    Trickling,
    HangsUp,
}

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n";

async fn answer(server: Server, mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = [0; 1024];
    if stream.read(&mut request).await? == 0 {
        return Ok(());
    }
    match server {
        Server::Good => {
            stream.write_all(HEAD).await?;
            stream.write_all(b"0123456789").await?;
        }
        Server::Silent => {}
        Server::HalfABody => {
            stream.write_all(HEAD).await?;
            stream.write_all(b"01234").await?;
        }
        Server::Trickling => {
            stream.write_all(HEAD).await?;
            for digit in b"0123456789" {
                stream.write_all(&[*digit]).await?;
                sleep(Duration::from_millis(250)).await;
            }
        }
        Server::HangsUp => return Ok(()),
    }
    std::future::pending().await
}

async fn url(server: Server) -> Uri {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(server, stream));
        }
    });
    format!("http://{address}/").parse().unwrap()
}

/// What `fetch` gives; nothing, if it does not give up long after its limit.
async fn asks(server: Server) -> Option<Result<Bytes, Failure>> {
    let client: HttpClient = Client::builder(TokioExecutor::new()).build_http();
    let url = url(server).await;
    timeout(LIMIT * 3, fetch(&client, url)).await.ok()
}

#[test]
fn a_good_answer_is_given() {
    check_real(async {
        let answer = asks(Server::Good).await;
        same("the answer", answer, Some(Ok(Bytes::from("0123456789"))));
    });
}

#[test]
fn a_silent_server_is_too_slow() {
    check_real(async {
        let Some(answer) = asks(Server::Silent).await else {
            wrong(
                "a-client-has-a-deadline",
                "A server accepted and said nothing. `fetch` waits, three times as long as LIMIT.",
            );
        };
        same("the answer", answer, Err(Failure::TooSlow));
    });
}

#[test]
fn half_a_body_is_too_slow() {
    check_real(async {
        let Some(answer) = asks(Server::HalfABody).await else {
            wrong(
                "the-head-is-the-answer",
                "A server sent the head and half of the body. `fetch` waits for the rest, three \
                 times as long as LIMIT.",
            );
        };
        same("the answer", answer, Err(Failure::TooSlow));
    });
}

#[test]
fn a_body_that_trickles_is_too_slow() {
    check_real(async {
        let Some(answer) = asks(Server::Trickling).await else {
            wrong(
                "a-limit-for-each-step-limits-all",
                "A server sent a byte every quarter of a second, and `fetch` was still reading \
                 after three times LIMIT.",
            );
        };
        same("the answer", answer, Err(Failure::TooSlow));
    });
}

#[test]
fn a_server_that_hangs_up_is_broken_and_not_slow() {
    check_real(async {
        let answer = asks(Server::HangsUp).await;
        if answer == Some(Err(Failure::TooSlow)) {
            wrong(
                "every-failure-is-a-time-out",
                "A server hung up at once, and `fetch` says that it was too slow.",
            );
        }
        same("the answer", answer, Some(Err(Failure::Broken)));
    });
}
