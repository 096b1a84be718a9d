//! The server over real sockets. What waits here waits for the test, not for a clock.

#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use http_body_util::Full;
use hyper::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, Semaphore, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet, unconstrained, yield_now};
use tokio::time::timeout;
use web_server::{Limits, Options, Summary, bind, run, server};

mod client;

use client::Client;

type Shutdown = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A server that runs until the test has seen enough.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    summary: JoinHandle<Summary>,
}

impl Running {
    fn start<F>(serve: impl FnOnce(TcpListener, Shutdown) -> F) -> Self
    where
        F: Future<Output = Summary> + Send + 'static,
    {
        let listener = bind(0).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = Box::pin(async { stopped.await.unwrap_or(()) });
        let summary = tokio::spawn(serve(listener, shutdown));
        Self {
            address,
            stop,
            summary,
        }
    }

    /// The lesson's own service.
    fn lesson(delay: Duration) -> Self {
        let options = Options {
            delay,
            ..Options::default()
        };
        Self::start(|listener, shutdown| run(listener, options, shutdown))
    }

    /// A service of one handler.
    fn with<H, F>(limits: Limits, handler: H) -> Self
    where
        H: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    {
        Self::start(|listener, shutdown| server::serve(listener, limits, handler, shutdown))
    }

    async fn client(&self) -> Client<TcpStream> {
        Client::over(TcpStream::connect(self.address).await.unwrap())
    }

    /// Connects and begins to `GET /`.
    async fn asking(&self) -> Client<TcpStream> {
        let mut client = self.client().await;
        client.ask("GET /").await;
        client
    }

    async fn stop(self) -> Summary {
        self.stop.send(()).unwrap();
        self.summary.await.unwrap()
    }
}

/// A handler that reports each request it begins, and answers it once the test adds a permit.
struct Gate {
    begun: mpsc::UnboundedReceiver<()>,
    permits: Arc<Semaphore>,
}

impl Gate {
    fn serving(limits: Limits) -> (Running, Self) {
        let (tell, begun) = mpsc::unbounded_channel();
        let permits = Arc::new(Semaphore::new(0));
        let gate = Self {
            begun,
            permits: Arc::clone(&permits),
        };
        let running = Running::with(limits, move |_| {
            let (tell, permits) = (tell.clone(), Arc::clone(&permits));
            async move {
                tell.send(()).unwrap();
                permits.acquire().await.unwrap().forget();
                Response::new(Full::from("through the gate"))
            }
        });
        (running, gate)
    }

    /// Waits until `requests` more handlers have begun.
    async fn begun(&mut self, requests: usize) {
        for _ in 0..requests {
            self.begun.recv().await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_routes() {
    let running = Running::lesson(Duration::ZERO);
    // All on one connection: it is kept alive.
    let mut client = running.client().await;

    let hello = client.get("GET /").await;
    assert_eq!((hello.status, hello.body.as_str()), (200, "Hello, world!"));
    assert_eq!(
        hello.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(hello.header("content-length"), Some("13"));

    let head = client.get("HEAD /").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    for name in ["content-type", "content-length"] {
        assert_eq!(
            head.header(name),
            hello.header(name),
            "HEAD says what GET would send"
        );
    }

    // A query is no part of the path.
    assert_eq!(client.get("GET /?page=2").await.status, 200);

    let nope = client.get("GET /nope").await;
    assert_eq!((nope.status, nope.body.as_str()), (404, "404: Not Found"));

    let post = client.get("POST /").await;
    assert_eq!(
        (post.status, post.body.as_str()),
        (405, "405: Method Not Allowed")
    );
    assert_eq!(post.header("allow"), Some("GET,HEAD"));

    client
        .send("POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nagain")
        .await;
    assert_eq!(client.answer().await.body, "again");
    assert_eq!(client.get("GET /echo").await.header("allow"), Some("POST"));

    let summary = running.stop().await;
    assert_eq!(summary.answered, 7);
    assert_eq!(summary.most_at_once, 1);
}

#[tokio::test]
async fn requests_wait_together() {
    const CLIENTS: usize = 50;
    // The barrier opens when all handlers are there. If they came one after the other, or a few
    // at a time, it would never open.
    let barrier = Arc::new(Barrier::new(CLIENTS));
    let running = Running::with(Limits::default(), move |_| {
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            Response::new(Full::from("met"))
        }
    });
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let mut client = running.client().await;
        clients.spawn(async move { client.get("GET /").await.status });
    }
    assert_eq!(clients.join_all().await, [200; CLIENTS]);
    assert_eq!(running.stop().await.most_at_once, CLIENTS);
}

#[tokio::test]
async fn a_slow_client_does_not_stop_the_others() {
    let running = Running::lesson(Duration::ZERO);
    let mut slow = running.client().await;
    slow.send("GET / HT").await;
    for _ in 0..10 {
        assert_eq!(running.client().await.get("GET /").await.status, 200);
    }
    slow.send("TP/1.1\r\n\r\n").await;
    assert_eq!(slow.answer().await.status, 200);
}

#[tokio::test]
async fn a_connection_beyond_the_limit_waits_until_another_ends() {
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let (running, mut gate) = Gate::serving(limits);
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(running.asking().await);
    }
    gate.begun(2).await;
    // Time to begin a third, if it could.
    let third = timeout(Duration::from_millis(100), gate.begun(1)).await;
    assert!(third.is_err(), "three at once");

    gate.permits.add_permits(5);
    let mut answered = JoinSet::new();
    for mut client in clients {
        // Each hangs up after its answer, which makes room.
        answered.spawn(async move { client.answer().await.status });
    }
    assert_eq!(answered.join_all().await, [200; 5]);
    assert_eq!(running.stop().await.most_at_once, 2);
}

#[tokio::test]
async fn a_panic_stops_neither_the_server_nor_its_neighbours() {
    let (begun, mut has_begun) = mpsc::unbounded_channel();
    let go = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&go);
    let running = Running::with(Limits::default(), move |request: Request<Bytes>| {
        let (begun, gate) = (begun.clone(), Arc::clone(&gate));
        async move {
            assert_ne!(request.uri().path(), "/panic", "as the test wants");
            begun.send(()).unwrap();
            gate.acquire().await.unwrap().forget();
            Response::new(Full::from("fine"))
        }
    });
    let mut neighbour = running.asking().await;
    has_begun.recv().await.unwrap();
    assert_eq!(running.client().await.get("GET /panic").await.status, 500);
    go.add_permits(2);
    assert_eq!(neighbour.answer().await.body, "fine");
    assert_eq!(running.client().await.get("GET /").await.body, "fine");
}

#[tokio::test]
async fn stopping_answers_what_is_in_flight_and_refuses_what_is_new() {
    let (running, mut gate) = Gate::serving(Limits::default());
    let address = running.address;
    let mut idle = running.client().await;
    let mut busy = Vec::new();
    for _ in 0..20 {
        busy.push(running.asking().await);
    }
    gate.begun(20).await;

    let stopping = tokio::spawn(running.stop());
    // The idle connection is closed while the others are still waiting.
    assert!(idle.is_closed().await);
    let refused = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    gate.permits.add_permits(20);
    for client in &mut busy {
        let answer = client.answer().await;
        assert_eq!(
            (answer.status, answer.header("connection")),
            (200, Some("close"))
        );
    }
    let expected = Summary {
        answered: 20,
        most_at_once: 20,
        abandoned: 0,
        drained: 20,
        cut: 0,
    };
    assert_eq!(stopping.await.unwrap(), expected);
}

#[tokio::test]
async fn stopping_has_a_deadline() {
    let limits = Limits {
        grace: Duration::from_millis(50),
        ..Limits::default()
    };
    let (running, mut gate) = Gate::serving(limits);
    let mut lucky = running.asking().await;
    let mut unlucky = running.asking().await;
    gate.begun(2).await;
    gate.permits.add_permits(1);
    // Whichever came first through the gate.
    let summary = running.stop().await;
    assert_eq!((summary.answered, summary.cut), (1, 1));
    assert_eq!(
        summary.abandoned, 0,
        "a client that is cut off has not hung up"
    );
    let (first, second) = (lucky.first_byte().await, unlucky.first_byte().await);
    assert!(
        first.is_some() != second.is_some(),
        "one answer, one closed connection"
    );
}

/// Connects and begins to `GET /` without an `.await`: nobody else runs meanwhile.
fn ask_at_once(address: SocketAddr) -> Client<TcpStream> {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    stream.set_nonblocking(true).unwrap();
    Client::over(TcpStream::from_std(stream).unwrap())
}

/// A request that the server had not read when it was asked to stop is not lost: on connections
/// that were idle before, and on connections that nobody had accepted.
#[tokio::test]
async fn what_arrived_before_the_signal_is_answered() {
    let running = Running::lesson(Duration::ZERO);
    let mut kept_alive = Vec::new();
    for _ in 0..20 {
        let mut client = running.client().await;
        assert_eq!(client.get("GET /nope").await.status, 404);
        kept_alive.push(client);
    }
    // This test and the server share one thread: without an `.await`, the server does nothing
    // from here to the signal.
    for client in &mut kept_alive {
        // Unconstrained: the answers above have used up this turn's budget.
        let asked = unconstrained(client.ask("GET /")).now_or_never();
        asked.expect("room in the socket's buffer");
    }
    let mut unknown = Vec::new();
    for _ in 0..20 {
        unknown.push(ask_at_once(running.address));
    }
    let stopping = tokio::spawn(running.stop());
    for client in kept_alive.iter_mut().chain(&mut unknown) {
        assert_eq!(client.answer().await.status, 200);
    }
    assert_eq!(stopping.await.unwrap().answered, 60);
}

/// The server finds both when it is next polled: clients at the door, and the end of its wait for
/// them.
#[tokio::test]
async fn who_is_at_the_door_is_let_in_first() {
    let running = Running::lesson(Duration::ZERO);
    let address = running.address;
    // One turn of this thread, in which the server hears of the signal.
    let stopping = tokio::spawn(running.stop());
    for _ in 0..3 {
        yield_now().await;
    }
    let clients: Vec<_> = (0..20).map(|_| ask_at_once(address)).collect();
    std::thread::sleep(Duration::from_millis(5));
    for mut client in clients {
        assert_eq!(client.answer().await.status, 200);
    }
    assert_eq!(stopping.await.unwrap().answered, 20);
}

#[tokio::test]
async fn dropping_the_server_closes_its_connections() {
    let (running, mut gate) = Gate::serving(Limits::default());
    let mut client = running.asking().await;
    gate.begun(1).await;
    running.summary.abort();
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_port_can_be_bound_once() {
    let first = bind(0).unwrap();
    let second = bind(first.local_addr().unwrap().port());
    assert_eq!(second.unwrap_err().kind(), ErrorKind::AddrInUse);
}

/// More clients at the same moment than tokio's own backlog of 128 has room for.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_backlog_has_room_for_a_burst() {
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    if most.trim().parse::<usize>().unwrap() < 300 {
        common::testing::skip("this system allows no backlog for 300 clients (somaxconn)");
        return;
    }
    let listener = bind(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..300 {
        // Nobody accepts. Without room, the system would ignore the client for a second.
        let connected = timeout(Duration::from_millis(900), TcpStream::connect(address)).await;
        waiting.push(connected.expect("room in the backlog").unwrap());
    }
}
