use std::io;
use std::time::Duration;

use exercises::{check_real, same, wrong};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::exercise::run;

const PATIENCE: Duration = Duration::from_secs(2);

/// What a guest gets for one order; the connection stays open.
async fn order(guest: &mut TcpStream) -> io::Result<String> {
    guest
        .write_all(b"GET / HTTP/1.1\r\nhost: inn\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"soup") {
        if guest.read_buf(&mut answer).await? == 0 {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn inn() -> (TcpListener, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn a_guest_who_orders_nothing_stops_nobody() {
    check_real(async {
        let (listener, address) = inn().await;
        let (close, closing) = oneshot::channel::<()>();
        let server = tokio::spawn(run(listener, async {
            let _ = closing.await;
        }));
        let _silent = TcpStream::connect(address).await.unwrap();
        let mut guest = TcpStream::connect(address).await.unwrap();
        let Ok(answer) = timeout(PATIENCE, order(&mut guest)).await else {
            wrong(
                "spawn-then-await-overlaps",
                "A second guest waited two seconds for soup: `run` was waiting for the end of the \
                 first one's connection.",
            );
        };
        let answer = answer.unwrap();
        same(
            "the first line",
            answer.lines().next(),
            Some("HTTP/1.1 200 OK"),
        );
        let _ = close.send(());
        let closed = timeout(PATIENCE, server).await;
        same("whether `run` returned", closed.is_ok(), true);
    });
}

#[test]
fn when_run_returns_no_connection_is_open() {
    check_real(async {
        let (listener, address) = inn().await;
        let (close, closing) = oneshot::channel::<()>();
        let server = tokio::spawn(run(listener, async {
            let _ = closing.await;
        }));
        let mut guest = TcpStream::connect(address).await.unwrap();
        timeout(PATIENCE, order(&mut guest)).await.unwrap().unwrap();
        let _ = close.send(());
        let Ok(closed) = timeout(PATIENCE, server).await else {
            wrong(
                "spawn-then-await-overlaps",
                "The inn was told to close, and two seconds later `run` still waits for a guest \
                 who has been served.",
            );
        };
        closed.unwrap();
        // An error here says the same as a closed connection.
        if let Ok(Ok(again)) = timeout(PATIENCE, order(&mut guest)).await
            && !again.is_empty()
        {
            wrong(
                "spawned-tasks-end-with-their-parent",
                "`run` has returned, and a guest is still served over his old connection: a task \
                 of it lives on.",
            );
        }
    });
}

#[test]
fn a_guest_may_order_twice() {
    check_real(async {
        let (listener, address) = inn().await;
        tokio::spawn(run(listener, std::future::pending()));
        let mut guest = TcpStream::connect(address).await.unwrap();
        for _ in 0..2 {
            let answer = timeout(PATIENCE, order(&mut guest)).await.unwrap().unwrap();
            same("whether soup came", answer.ends_with("soup"), true);
        }
    });
}
