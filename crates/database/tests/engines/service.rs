//! The service over HTTP: the suite that the services of the lesson `frameworks` pass, too.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use axum::routing::get;
use database::Options;
use database::service::{self, Limits};
use frameworks::suite::{self, Answer, Client, Payload};
use hyper::Request;
use sqlx::AnyPool;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::engines;

/// The service, in a task.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<bool>>,
}

impl Served {
    pub(crate) async fn start(pool: AnyPool, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = oneshot::channel();
        let stopping = async { stopping.await.unwrap_or(()) };
        let task = tokio::spawn(service::serve(listener, pool, limits, stopping));
        Self {
            address,
            stop,
            task,
        }
    }

    /// Whether all requests were answered.
    pub(crate) async fn stop(self) -> bool {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap()
    }
}

pub(crate) async fn ask(
    client: &mut Client,
    method: &str,
    path: &str,
    json: &str,
) -> Result<Answer, String> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Payload::Whole(json.into()).body())
        .unwrap();
    client.send(request).await
}

fn sentence(answer: &Answer) -> String {
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    json["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn it_does_what_was_agreed() {
    for engine in engines().await {
        let pool = engine.pool(Options::default()).await;
        let served = Served::start(pool, Limits::default()).await;
        assert_eq!(suite::run(served.address).await, [], "{}", engine.url);
        assert!(served.stop().await);
    }
}

#[tokio::test]
async fn it_survives_a_slow_handler_and_a_panic() {
    for engine in engines().await {
        let pool = engine.pool(Options::default()).await;
        let limits = Limits {
            handler: Duration::from_millis(500),
            ..Limits::default()
        };
        let routes = service::routes()
            .route("/probe/slow", get(std::future::pending::<()>))
            .route("/probe/panic", get(|| async { panics() }));
        let app = service::app(routes, pool, limits);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, app).await });
        assert_eq!(suite::run_probes(address).await, [], "{}", engine.url);
    }
}

fn panics() {
    panic!("it is what this test is about");
}

#[tokio::test]
async fn no_zero_characters() {
    for engine in engines().await {
        let served = Served::start(engine.pool(Options::default()).await, Limits::default()).await;
        let mut client = Client::new(served.address);
        for note in [
            r#"{"title": "a\u0000b"}"#,
            r#"{"title": "a", "text": "\u0000"}"#,
        ] {
            let answer = ask(&mut client, "POST", "/notes", note).await.unwrap();
            assert_eq!(answer.status, 422, "{} {answer}", engine.url);
        }
        let answer = ask(&mut client, "GET", "/notes?search=%00", "")
            .await
            .unwrap();
        assert_eq!(answer.status, 200, "{answer}");
        for id in ["+1", "%31x", "1.0", "0x1", "99999999999999999999"] {
            let answer = ask(&mut client, "GET", &format!("/notes/{id}"), "")
                .await
                .unwrap();
            assert_eq!(answer.status, 404, "{answer}");
        }
        drop(client);
        assert!(served.stop().await);
    }
}

#[tokio::test]
async fn an_exhausted_pool_is_a_503_that_says_when_to_come_back() {
    for engine in engines().await {
        let pool = engine
            .pool(Options {
                connections: 1,
                patience: Duration::from_secs(1),
            })
            .await;
        let served = Served::start(pool.clone(), Limits::default()).await;
        let mut client = Client::new(served.address);
        let answer = ask(&mut client, "GET", "/notes", "").await.unwrap();
        assert_eq!(answer.status, 200);

        let kept = pool.acquire().await.unwrap();
        let answer = ask(&mut client, "POST", "/notes", r#"{"title": "milk"}"#)
            .await
            .unwrap();
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("retry-after").as_deref(), Some("1"));
        assert_eq!(sentence(&answer), "the database is busy or away; try again");

        drop(kept);
        let answer = ask(&mut client, "POST", "/notes", r#"{"title": "milk"}"#)
            .await
            .unwrap();
        assert_eq!(answer.status, 201);
        let answer = ask(&mut client, "GET", "/notes", "").await.unwrap();
        let page: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(page["total"], 1, "the refused one was not stored");
        drop(client);
        assert!(served.stop().await);
    }
}

/// Asked to stop while a handler waits for a connection: it is answered, then the pool closes.
#[tokio::test]
async fn it_finishes_what_is_under_way() {
    for engine in engines().await {
        let options = Options {
            connections: 1,
            ..Options::default()
        };
        let pool = engine.pool(options).await;
        let served = Served::start(pool.clone(), Limits::default()).await;
        let address = served.address;
        let kept = pool.acquire().await.unwrap();
        let request = tokio::spawn(async move {
            let mut client = Client::new(address);
            ask(&mut client, "POST", "/notes", r#"{"title": "milk"}"#).await
        });
        // It has connected, so the server accepts it before it stops.
        while pool.num_idle() > 0 || !request_is_waiting(&pool).await {}
        let stop = tokio::spawn(served.stop());
        tokio::task::yield_now().await;
        drop(kept);
        assert_eq!(request.await.unwrap().unwrap().status, 201);
        assert!(stop.await.unwrap());
        assert!(pool.is_closed());
    }
}

/// What is not done by then is cut off. Nobody waits for ever for a connection that stays away.
#[tokio::test]
async fn it_waits_no_longer_than_its_grace() {
    for engine in engines().await {
        let options = Options {
            connections: 1,
            ..Options::default()
        };
        let pool = engine.pool(options).await;
        let limits = Limits {
            grace: Duration::from_millis(100),
            ..Limits::default()
        };
        let served = Served::start(pool.clone(), limits).await;
        let _kept = pool.acquire().await.unwrap();
        assert!(!served.stop().await);
    }
}

/// The pool does not tell who waits; a tenth of a second is enough for a request on this machine.
async fn request_is_waiting(_: &AnyPool) -> bool {
    tokio::time::sleep(Duration::from_millis(100)).await;
    true
}

/// `service.py`, running.
struct Python {
    _child: Child,
    address: SocketAddr,
}

impl Python {
    async fn start(python: &std::path::Path, url: &str) -> Self {
        let mut command = Command::new(python);
        command
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/service.py"))
            .args(["--port", "0", "--url", url])
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().unwrap();
        let address = line.strip_prefix("Listening on http://").unwrap();
        Self {
            address: address.parse().unwrap(),
            _child: child,
        }
    }
}

#[tokio::test]
async fn its_python_twin_does_the_same() {
    let Some(python) = common::testing::python(&["aiohttp", "asyncpg"]) else {
        return;
    };
    for engine in engines().await {
        // Python's sqlite3 takes a file.
        let url = engine
            .url
            .trim_start_matches("sqlite:")
            .trim_end_matches("?mode=rwc");
        let twin = Python::start(&python, url).await;
        assert_eq!(suite::run(twin.address).await, [], "{}", engine.url);
    }
}
