//! Several processes at one port.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

fn listen(address: &str) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind(address.parse::<SocketAddr>().unwrap())?;
    socket.listen(128)
}

/// Each process has a listener of its own, and the system deals the connections out.
#[tokio::test]
async fn two_listeners_with_reuseport_share_a_port() {
    let one = listen("127.0.0.1:0").unwrap();
    let address = one.local_addr().unwrap();
    let other = listen(&address.to_string()).unwrap();
    let mut accepted = [0, 0];
    for _ in 0..100 {
        let (client, ()) = tokio::join!(TcpStream::connect(address), async {
            tokio::select! {
                result = one.accept() => { result.unwrap(); accepted[0] += 1; }
                result = other.accept() => { result.unwrap(); accepted[1] += 1; }
            }
        });
        client.unwrap();
    }
    assert!(accepted.iter().all(|&count| count > 10), "{accepted:?}");
}

/// Without it the second one is refused.
#[tokio::test]
async fn without_it_a_port_is_for_one() {
    let one = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let again = TcpListener::bind(one.local_addr().unwrap()).await;
    assert_eq!(again.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}
