//! Sockets on the loop.

#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use event_loop::{Clock, EventLoop, TcpListener, TcpStream, now, open_sockets, sleep, spawn};
use futures::future::{Either, join, select};
use tokio::io::AsyncReadExt as _;

fn run<F>(clock: Clock, main: F) -> F::Output
where
    F: Future<Output: 'static> + 'static,
{
    EventLoop::new(clock).unwrap().block_on(main).unwrap()
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// The two ends of a connection.
async fn connection() -> (TcpStream, TcpStream) {
    let (listener, address) = listen();
    let (accepted, connected) = join(listener.accept(), TcpStream::connect(address)).await;
    (accepted.unwrap(), connected.unwrap())
}

async fn read_all(stream: &TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await.unwrap() {
            0 => return all,
            read => all.extend(&buffer[..read]),
        }
    }
}

#[test]
fn bytes_arrive_in_order_and_closing_ends_them() {
    run(Clock::Real, async {
        let (server, client) = connection().await;
        client.write_all(b"hello, ").await.unwrap();
        client.write_all(b"loop").await.unwrap();
        drop(client);
        assert_eq!(read_all(&server).await, b"hello, loop");
    });
}

#[test]
fn more_than_the_buffers_hold_waits_until_it_can_be_written() {
    run(Clock::Real, async {
        let sent: Vec<u8> = (0..16_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        let (server, client) = connection().await;
        let expected = sent.clone();
        let writer = spawn("writer", async move { client.write_all(&sent).await });
        assert!(read_all(&server).await == expected);
        writer.await.unwrap();
    });
}

#[test]
fn one_task_reads_while_another_writes() {
    run(Clock::Real, async {
        let (server, client) = connection().await;
        let mut buffer = [0; 3];
        let waits = client.read(&mut buffer);
        let other_way = async {
            client.write_all(b"abc").await.unwrap();
            let mut buffer = [0; 3];
            let read = server.read(&mut buffer).await.unwrap();
            server.write_all(&buffer[..read]).await.unwrap();
        };
        assert_eq!(join(waits, other_way).await.0.unwrap(), 3);
        assert_eq!(&buffer, b"abc");
    });
}

#[test]
fn a_read_that_was_dropped_loses_nothing() {
    run(Clock::Real, async {
        let (server, client) = connection().await;
        let mut buffer = [0; 3];
        {
            let read = pin!(server.read(&mut buffer));
            let moment = sleep(Duration::from_millis(1));
            assert!(matches!(select(read, moment).await, Either::Right(_)));
        }
        client.write_all(b"abc").await.unwrap();
        assert_eq!(server.read(&mut buffer).await.unwrap(), 3);
    });
}

#[test]
fn nobody_there_is_an_error() {
    run(Clock::Real, async {
        let (listener, address) = listen();
        drop(listener);
        let Err(error) = TcpStream::connect(address).await else {
            panic!("somebody listens on a port that was closed");
        };
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn many_clients_are_connected_and_served_at_the_same_time() {
    // Each takes two open files here, and macOS allows 256.
    const CLIENTS: usize = 100;
    run(Clock::Real, async {
        let (listener, address) = listen();
        let server = spawn("server", async move {
            let mut streams = Vec::new();
            while streams.len() < CLIENTS {
                streams.push(listener.accept().await.unwrap());
            }
            // All of them are open here. Only now is anybody answered.
            let tasks = streams.into_iter().map(|stream| {
                spawn("echo", async move {
                    let bytes = read_all_of(&stream, 1000).await;
                    stream.write_all(&bytes).await.unwrap();
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await;
            }
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                spawn(format!("client({client})"), async move {
                    let stream = TcpStream::connect(address).await.unwrap();
                    let sent = client.to_string().repeat(1000).into_bytes();
                    stream.write_all(&sent[..1000]).await.unwrap();
                    assert!(read_all(&stream).await == sent[..1000]);
                })
            })
            .collect();
        for client in clients {
            client.await;
        }
        server.await;
        assert_eq!(open_sockets(), 0);
    });
}

async fn read_all_of(stream: &TcpStream, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    let mut read = 0;
    while read < size {
        read += stream.read(&mut bytes[read..]).await.unwrap();
    }
    bytes
}

#[test]
fn a_socket_is_forgotten_when_it_is_dropped() {
    run(Clock::Real, async {
        let (listener, _) = listen();
        assert_eq!(open_sockets(), 1);
        let (server, client) = connection().await;
        assert_eq!(open_sockets(), 3);
        drop((listener, server, client));
        assert_eq!(open_sockets(), 0);
    });
}

#[test]
fn a_task_that_is_always_ready_does_not_starve_sockets() {
    run(Clock::Real, async {
        drop(spawn("always ready", async {
            loop {
                let mut yielded = false;
                std::future::poll_fn(|cx| {
                    if std::mem::replace(&mut yielded, true) {
                        return std::task::Poll::Ready(());
                    }
                    cx.waker().wake_by_ref();
                    std::task::Poll::Pending
                })
                .await;
            }
        }));
        let (server, client) = connection().await;
        client.write_all(b"abc").await.unwrap();
        drop(client);
        assert_eq!(read_all(&server).await, b"abc");
    });
}

/// A client in another thread that sends when it is told to.
fn slow_client(address: SocketAddr) -> mpsc::Sender<()> {
    let (go, gone) = mpsc::channel();
    thread::spawn(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        gone.recv().unwrap();
        stream.write_all(b"abc").unwrap();
        // Until the other side closes.
        let _ = stream.read(&mut [0]);
    });
    go
}

#[test]
fn an_open_socket_keeps_virtual_time_from_jumping() {
    let hour = Duration::from_hours(1);
    run(Clock::Virtual, async move {
        let (listener, address) = listen();
        let go = slow_client(address);
        let stream = listener.accept().await.unwrap();
        let mut deadline = sleep(hour);
        {
            let mut buffer = [0; 3];
            let read = pin!(stream.read(&mut buffer));
            go.send(()).unwrap();
            assert!(matches!(select(read, &mut deadline).await, Either::Left(_)));
        }
        assert!(now() < hour);
        // Without sockets it jumps again.
        drop((listener, stream));
        deadline.await;
        assert_eq!(open_sockets(), 0);
        assert!(now() >= hour);
    });
}

#[tokio::test(start_paused = true)]
async fn tokio_s_paused_clock_jumps_past_an_open_socket() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let go = slow_client(listener.local_addr().unwrap());
    let hour = Duration::from_hours(1);
    let timed_out = tokio::time::timeout(hour, async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap()
    })
    .await;
    assert!(timed_out.is_err());
    drop(go);
}
