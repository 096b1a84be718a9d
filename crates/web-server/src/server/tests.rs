//! One connection over an in-memory pipe, on a clock that jumps to the next timer whenever every
//! task waits: ten seconds of patience take no time and are measured to the millisecond.

use std::future::pending;

use tokio::io::DuplexStream;
use tokio::time::Instant;

use super::*;

#[path = "../../tests/client/mod.rs"]
mod client;

use client::Client;

/// What a test sees of a server with one connection.
struct Served<H> {
    client: Client<DuplexStream>,
    server: Arc<Server<H>>,
    stop: watch::Sender<bool>,
}

/// Serves one connection with `handler`.
fn serve_one<H, F>(handler: H) -> Served<H>
where
    H: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let (ours, theirs) = tokio::io::duplex(1024);
    let (stop, stopping) = watch::channel(false);
    let server = Arc::new(Server {
        handler,
        limits: Limits::default(),
        counts: Counts::default(),
    });
    tokio::spawn(Arc::clone(&server).connection(theirs, stopping));
    Served {
        client: Client::over(ours),
        server,
        stop,
    }
}

/// The lesson's handler.
fn lesson() -> Served<impl Sized> {
    let delay = Duration::from_secs(1);
    serve_one(move |request| crate::answer(request, delay))
}

/// The default of [`Limits::patience`].
const PATIENCE: Duration = Duration::from_secs(10);

/// hyper's timer and ours count in whole milliseconds, rounded up.
fn assert_took(start: Instant, expected: Duration) {
    let took = start.elapsed();
    let late = took.checked_sub(expected);
    assert!(
        late.is_some_and(|late| late <= Duration::from_millis(2)),
        "{took:?}, not {expected:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_handler_waits_one_second() {
    let start = Instant::now();
    let answer = lesson().client.get("GET /").await;
    assert_took(start, Duration::from_secs(1));
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "Hello, world!")
    );
}

#[tokio::test(start_paused = true)]
async fn a_thousand_requests_take_as_long_as_one() {
    let server = Arc::new(Server {
        handler: |request| crate::answer(request, Duration::from_secs(1)),
        limits: Limits::default(),
        counts: Counts::default(),
    });
    let (_stop, stopping) = watch::channel(false);
    let mut clients = JoinSet::new();
    let start = Instant::now();
    for _ in 0..1000 {
        let (ours, theirs) = tokio::io::duplex(1024);
        tokio::spawn(Arc::clone(&server).connection(theirs, stopping.clone()));
        clients.spawn(async move { Client::over(ours).get("GET /").await.status });
    }
    assert_eq!(clients.join_all().await, [200; 1000]);
    assert_took(start, Duration::from_secs(1));
    assert_eq!(server.counts.most_at_once.load(Relaxed), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_dribbles_its_headers_is_cut_off() {
    let mut served = lesson();
    let start = Instant::now();
    let dribble = async {
        let request = "GET / HTTP/1.1\r\nHost: a-name-that-takes-more-than-ten-seconds\r\n";
        for byte in request.bytes() {
            if served.client.try_send([byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
        panic!("all of it was taken");
    };
    dribble.await;
    // The limit is on the whole head: a byte now and then does not extend it.
    assert_took(start, PATIENCE + Duration::from_secs(1));
    assert!(served.client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_the_same_time() {
    let mut served = lesson();
    assert_eq!(served.client.get("GET /nope").await.status, 404);
    let start = Instant::now();
    assert!(served.client.is_closed().await);
    assert_took(start, PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_take_longer_than_a_client_may() {
    let mut served = serve_one(async |_| {
        sleep(PATIENCE * 10).await;
        text(StatusCode::OK, "at last")
    });
    assert_eq!(served.client.get("GET /").await.body, "at last");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_answered_408() {
    let mut served = lesson();
    let start = Instant::now();
    served
        .client
        .send("POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
        .await;
    assert_eq!(served.client.answer().await.status, 408);
    assert_took(start, PATIENCE);
    assert!(served.client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_broken_body_is_answered_400() {
    let mut served = lesson();
    served
        .client
        .send("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n")
        .await;
    assert_eq!(served.client.answer().await.status, 400);
    assert!(served.client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_body_at_the_limit_is_taken() {
    let mut served = lesson();
    let body = "x".repeat(64 * 1024);
    let head = format!(
        "POST /echo HTTP/1.1\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    served.client.send(head).await;
    served.client.send(&body).await;
    let answer = served.client.answer().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, body);
}

/// The answer comes before the body, and the connection lives just long enough to send it.
#[tokio::test(start_paused = true)]
async fn a_body_that_is_declared_too_large_is_refused_unread() {
    let mut served = lesson();
    let start = Instant::now();
    served
        .client
        .send("POST /echo HTTP/1.1\r\nContent-Length: 65537\r\n\r\n")
        .await;
    let answer = served.client.answer().await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (413, Some("close"))
    );
    assert_took(start, Duration::ZERO);
    served.client.send("x".repeat(65537)).await;
    assert!(served.client.is_closed().await);
    assert_took(start, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_declared_too_large_is_not_asked_for() {
    let mut served = lesson();
    served
        .client
        .send("POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 65537\r\n\r\n")
        .await;
    assert_eq!(
        served.client.answer().await.status,
        413,
        "and no 100 before"
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_without_end_is_refused_and_then_cut_off() {
    let mut served = lesson();
    served
        .client
        .send("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let mut refused = None;
    let mut sent = 0;
    // Ten chunks a second, for ever.
    while served.client.try_send(&chunk).await.is_ok() {
        sent += 0x1000;
        if refused.is_none() && sent > 64 * 1024 {
            assert_eq!(served.client.answer().await.status, 413);
            refused = Some(Instant::now());
        }
        sleep(Duration::from_millis(100)).await;
    }
    let after = refused.expect("it was refused first").elapsed();
    assert!(
        (LINGER..LINGER + Duration::from_millis(200)).contains(&after),
        "{after:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_too_large_is_answered_431() {
    let mut served = lesson();
    let head = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(MAX_HEAD));
    let _ = served.client.try_send(head).await;
    assert_eq!(served.client.answer().await.status, 431);
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_one_response() {
    let mut served = serve_one(async |request: Request<Bytes>| {
        assert_ne!(request.uri().path(), "/panic", "as the test wants");
        text(StatusCode::OK, "fine")
    });
    assert_eq!(served.client.get("GET /panic").await.status, 500);
    // On the same connection.
    assert_eq!(served.client.get("GET /").await.body, "fine");
    assert_eq!(served.server.counts.answered.load(Relaxed), 2);
}

/// Sets its flag when it is dropped.
struct SetOnDrop(Arc<std::sync::atomic::AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_drops_its_handler() {
    let dropped = Arc::default();
    let seen = Arc::clone(&dropped);
    let mut served = serve_one(move |_| {
        let guard = SetOnDrop(Arc::clone(&dropped));
        async move {
            let _guard = guard;
            pending().await
        }
    });
    served.client.ask("GET /").await;
    sleep(Duration::from_hours(1)).await;
    assert!(
        !seen.load(Relaxed),
        "however long it takes, as long as somebody waits for it"
    );
    drop(served.client);
    sleep(Duration::from_millis(1)).await;
    assert!(seen.load(Relaxed));
    assert_eq!(served.server.counts.abandoned.load(Relaxed), 1);
    assert_eq!(served.server.counts.answered.load(Relaxed), 0);
}

/// hyper notices a client that hangs up because it goes on reading. It does not read on while it
/// still holds the next request.
#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_behind_a_second_request_is_not_noticed() {
    let mut served = lesson();
    served
        .client
        .send("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n")
        .await;
    drop(served.client);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(served.server.counts.answered.load(Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn spawned_work_outlives_the_client() {
    let (done, mut is_done) = tokio::sync::mpsc::channel(1);
    let mut served = serve_one(move |_| {
        let done = done.clone();
        async move {
            let work = tokio::spawn(async move {
                sleep(Duration::from_secs(1)).await;
                let _ = done.send(()).await;
            });
            let _ = work.await;
            text(StatusCode::OK, "done")
        }
    });
    served.client.ask("GET /").await;
    sleep(Duration::from_millis(500)).await;
    drop(served.client);
    assert_eq!(is_done.recv().await, Some(()));
    assert_eq!(served.server.counts.abandoned.load(Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn asked_to_stop_an_idle_connection_closes_at_once() {
    for asked_before in [false, true] {
        let mut served = lesson();
        if asked_before {
            assert_eq!(served.client.get("GET /nope").await.status, 404);
        }
        let start = Instant::now();
        served.stop.send_replace(true);
        assert!(served.client.is_closed().await);
        assert_took(start, Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn asked_to_stop_a_busy_connection_answers_and_then_closes() {
    let mut served = lesson();
    served.client.ask("GET /").await;
    sleep(Duration::from_millis(500)).await;
    served.stop.send_replace(true);
    let answer = served.client.answer().await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (200, Some("close"))
    );
    assert!(served.client.is_closed().await);
}

/// The connection finds both when it is next polled: a request, and the order to stop.
#[tokio::test(start_paused = true)]
async fn asked_to_stop_a_connection_first_reads_what_has_arrived() {
    let mut served = lesson();
    assert_eq!(served.client.get("GET /nope").await.status, 404);
    let asked = served.client.ask("GET /").now_or_never();
    asked.expect("room in the pipe");
    served.stop.send_replace(true);
    assert_eq!(served.client.answer().await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_a_row_of_the_timeline() {
    let ((), recording) = common::timeline::record(async {
        let server = Server {
            handler: |request| crate::answer(request, Duration::from_secs(1)),
            limits: Limits::default(),
            counts: Counts::default(),
        };
        let (ours, theirs) = tokio::io::duplex(1024);
        let (_stop, stopping) = watch::channel(false);
        let connection = Arc::new(server).connection(theirs, stopping);
        let client = async {
            let mut client = Client::over(ours);
            client.get("GET /").await;
            client.get("HEAD /").await;
        };
        tokio::join!(connection, client);
    })
    .await;
    let picture = recording.text(&common::timeline::Style::default());
    assert!(
        picture.contains("request(1)") && picture.contains("request(2)"),
        "{picture}"
    );
}

#[test]
fn errors_of_accept_are_about_one_connection_or_about_the_system() {
    for kind in [ErrorKind::ConnectionAborted, ErrorKind::ConnectionReset] {
        assert!(is_about_one_connection(&kind.into()));
    }
    // EMFILE, "too many open files", has no kind of its own.
    #[cfg(unix)]
    assert!(!is_about_one_connection(&io::Error::from_raw_os_error(24)));
    assert!(!is_about_one_connection(&ErrorKind::OutOfMemory.into()));
}
