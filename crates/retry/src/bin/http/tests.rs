//! What happens on real connections, seen from both ends.

use std::error::Error as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::mpsc;
use std::{iter, thread};

use hyper::StatusCode;
use retry::{Cause, Failure, Why};
use tokio::task::yield_now;

use super::*;

async fn start() -> (Server, SocketAddr, HttpClient) {
    let server = Server::default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    server.clone().serve(listener);
    let client = Client::builder(TokioExecutor::new()).build_http();
    (server, address, client)
}

fn call(method: Method, address: SocketAddr, path: &str, key: Option<&'static str>) -> Call {
    let uri = format!("http://{address}{path}").parse().unwrap();
    Call { method, uri, key }
}

#[tokio::test]
async fn nobody_listens() {
    let (_socket, address) = closed_port().unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let call = call(Method::POST, address, "/", None);
    let policy = policy();
    let result = policy.run(Repeat::Harmful, |_| call.clone().send(client.clone()));
    let gave_up = result.await.unwrap_err();
    // Nothing was sent, so even this may be tried again.
    assert_eq!(gave_up.failures.len(), 4);
    assert_eq!(gave_up.why, Why::NoAttempts);
    // From the policy's error down to that of the operating system.
    let chain = iter::successors(gave_up.source(), |&error| error.source());
    let io = chain.last().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(io.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_server_that_comes_late_is_reached() {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let server = Server::default();
    late(&client, &policy(), &server).await.unwrap();
    assert_eq!(server.requests("/"), 1);
}

#[tokio::test]
async fn each_failure_has_its_cause() {
    let (server, address, client) = start().await;
    for (path, cause, pause) in [
        ("/breaks", Cause::Reset, 0),
        ("/busy", Cause::Answered(StatusCode::SERVICE_UNAVAILABLE), 1),
        (
            "/busy-until",
            Cause::Answered(StatusCode::SERVICE_UNAVAILABLE),
            0,
        ),
        ("/bad", Cause::Answered(StatusCode::BAD_REQUEST), 0),
    ] {
        let get = call(Method::GET, address, path, None);
        let failure = get.send(client.clone()).await.unwrap_err();
        assert_eq!(failure.cause, cause, "{path}");
        assert_eq!(failure.retry_after, Duration::from_secs(pause), "{path}");
        assert_eq!(server.requests(path), 1, "{path}");
    }
}

#[tokio::test]
async fn an_attempt_that_is_given_up_takes_its_connection_along() {
    let (server, address, client) = start().await;
    let impatient = Policy {
        attempt: Duration::from_millis(300),
        ..policy()
    };
    let get = call(Method::GET, address, "/slow", None);
    let result = impatient.run(Repeat::Harmless, |_| get.clone().send(client.clone()));
    assert_eq!(result.await.unwrap(), "hello");
    assert_eq!(server.requests("/slow"), 2);
}

#[tokio::test]
async fn a_lost_answer_charges_as_often_as_it_is_asked_for_unless_there_is_a_key() {
    let (server, address, client) = start().await;
    let charges = async |path: &str, repeat, key| {
        let before = server.charges();
        let post = call(Method::POST, address, path, key);
        let policy = policy();
        let result = policy.run(repeat, |_| post.clone().send(client.clone()));
        (
            result.await.map_err(|error| error.why),
            server.charges() - before,
        )
    };
    let paid = || Ok(Bytes::from_static(b"paid"));
    assert_eq!(
        charges("/charge/1", Repeat::Harmless, None).await,
        (paid(), 2)
    );
    let unknown = Err(Why::MayHaveBeenDone);
    assert_eq!(
        charges("/charge/2", Repeat::Harmful, None).await,
        (unknown, 1)
    );
    let key = Some("a key");
    assert_eq!(
        charges("/charge/3", Repeat::Harmless, key).await,
        (paid(), 1)
    );
}

#[tokio::test]
async fn a_new_key_for_each_attempt_is_worth_nothing() {
    let (server, address, client) = start().await;
    let keys = ["one", "two", "three", "four"];
    let policy = policy();
    let result = policy.run(Repeat::Harmless, |attempt| {
        let key = keys[attempt as usize - 1];
        call(Method::POST, address, "/charge", Some(key)).send(client.clone())
    });
    assert_eq!(result.await.unwrap(), "paid");
    assert_eq!(server.charges(), 2);
}

/// A server that answers one request on each connection, and closes the first one when it is told
/// to. It says when that is done, and in the end how many requests it has read.
struct Closing {
    address: SocketAddr,
    close: mpsc::Sender<()>,
    is_closed: mpsc::Receiver<()>,
    server: thread::JoinHandle<u32>,
}

impl Closing {
    fn start() -> Self {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (close, told) = mpsc::channel();
        let (closed, is_closed) = mpsc::channel();
        let server = thread::spawn(move || {
            let mut requests = 0;
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                if stream.read(&mut [0; 4096]).unwrap() == 0 {
                    break;
                }
                requests += 1;
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                stream.write_all(answer).unwrap();
                if requests == 1 {
                    told.recv().unwrap();
                    drop(stream);
                    closed.send(()).unwrap();
                }
            }
            requests
        });
        Self {
            address,
            close,
            is_closed,
            server,
        }
    }
}

/// A POST on a connection that the server has closed while it was in the client's pool. `turns` is
/// how often the runtime has looked at its sockets since then. What came of it, and how many
/// requests the server has read.
async fn post_on_a_stale_connection(
    turns: u32,
    retry_canceled_requests: bool,
) -> (Result<Bytes, Failure>, u32) {
    let client = Client::builder(TokioExecutor::new())
        .retry_canceled_requests(retry_canceled_requests)
        .build_http();
    let server = Closing::start();
    let post = call(Method::POST, server.address, "/", None);
    assert_eq!(post.clone().send(client.clone()).await.unwrap(), "ok");
    // The connection's own task puts it into the pool.
    tokio::time::sleep(Duration::from_millis(10)).await;
    server.close.send(()).unwrap();
    // Blocks on purpose: nothing of this runtime may run before the connection is closed.
    server.is_closed.recv().unwrap();
    thread::sleep(Duration::from_millis(10));
    for _ in 0..turns {
        yield_now().await;
    }
    let second = post.send(client).await;
    drop(std::net::TcpStream::connect(server.address).unwrap()); // the last one
    (second, server.server.join().unwrap())
}

// When a system tells of the end of a connection differs.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_stale_connection_is_tried_again_by_hyper_util_if_nothing_was_sent() {
    // The request was written before anybody knew. It may have arrived: hyper-util leaves it.
    let (second, requests) = post_on_a_stale_connection(0, true).await;
    assert_eq!((second.unwrap_err().cause, requests), (Cause::Reset, 1));
    // The task of the connection sees its end and the request at the same moment.
    let (second, requests) = post_on_a_stale_connection(1, true).await;
    assert_eq!((second.unwrap(), requests), (Bytes::from_static(b"ok"), 2));
    let (second, requests) = post_on_a_stale_connection(1, false).await;
    assert_eq!((second.unwrap_err().cause, requests), (Cause::Reset, 1));
    // It has seen the end before, and the pool has thrown it away.
    let (second, requests) = post_on_a_stale_connection(2, false).await;
    assert_eq!((second.unwrap(), requests), (Bytes::from_static(b"ok"), 2));
}
