use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use exercises::{check_real, same, wrong};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::exercise::fetch_all;

/// A server that counts its connections.
async fn server(length: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let service = service_fn(move |_: Request<Incoming>| async move {
                let body = Full::new(Bytes::from(vec![b'x'; length]));
                Ok::<_, Infallible>(Response::new(body))
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, connections)
}

fn urls(address: SocketAddr, count: usize) -> Vec<Uri> {
    let url = |number| format!("http://{address}/{number}").parse().unwrap();
    (0..count).map(url).collect()
}

#[test]
fn five_requests_use_one_connection() {
    check_real(async {
        // More than the system keeps in its buffers, so that an unread body is noticed.
        let length = 8 * 1024 * 1024;
        let (address, connections) = server(length).await;
        let answers = timeout(Duration::from_secs(5), fetch_all(urls(address, 5))).await;
        let answers = answers
            .expect("five answers took longer than five seconds")
            .unwrap();
        same("the answers", answers, vec![(200, length); 5]);
        let connections = connections.load(Ordering::Relaxed);
        if connections > 1 && is_reused_when_small().await {
            wrong(
                "the-head-is-the-answer",
                format!(
                    "{connections} connections for five long answers: each was thrown away with its body unread."
                ),
            );
        }
        if connections > 1 {
            wrong(
                "a-client-is-cheap",
                format!("{connections} connections for five requests."),
            );
        }
        same("the number of connections", connections, 1);
    });
}

/// Whether the connection is used again where an answer has no body that could be left unread.
async fn is_reused_when_small() -> bool {
    let (address, connections) = server(0).await;
    let _ = fetch_all(urls(address, 5)).await;
    connections.load(Ordering::Relaxed) < 5
}

#[test]
fn two_servers_are_asked_over_two_connections() {
    check_real(async {
        let (one, of_one) = server(3).await;
        let (two, of_two) = server(4).await;
        let all = [urls(one, 1), urls(two, 1), urls(one, 1), urls(two, 1)].concat();
        let answers = fetch_all(all).await.unwrap();
        same(
            "the answers",
            answers,
            vec![(200, 3), (200, 4), (200, 3), (200, 4)],
        );
        let both = (
            of_one.load(Ordering::Relaxed),
            of_two.load(Ordering::Relaxed),
        );
        same("the connections to the two servers", both, (1, 1));
    });
}
