//! What the chapter says of axum and of tower.

#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::future::IntoFuture as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use axum::body::Body;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{Method, StatusCode};
use axum::routing::{get, post};
use axum::{BoxError, Json, Router};
use bytes::Bytes;
use frameworks::{Options, suite, with_axum};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use tower::limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer};
use tower::timeout::TimeoutLayer;
use tower::{ServiceBuilder, ServiceExt as _};
use tower_http::limit::RequestBodyLimitLayer;

/// Calls the app as a function: there is no socket.
async fn call(app: &Router, request: Request) -> (StatusCode, String) {
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.into()).unwrap())
}

fn json(text: &str) -> Request {
    Request::post("/")
        .header("content-type", "application/json")
        .body(Body::from(text.to_owned()))
        .unwrap()
}

#[derive(Deserialize)]
struct Note {
    title: String,
}

#[tokio::test]
async fn rejections_are_plain_text() {
    let app = Router::new().route("/", post(async |Json(note): Json<Note>| note.title));
    let broken = call(&app, json("{")).await;
    assert_eq!(broken.0, StatusCode::BAD_REQUEST);
    assert!(
        broken
            .1
            .starts_with("Failed to parse the request body as JSON: ")
    );
    let other = call(&app, json(r#"{"title": 7}"#)).await;
    assert_eq!(other.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        other.1,
        "Failed to deserialize the JSON body into the target type: \
         title: invalid type: integer `7`, expected a string at line 1 column 11"
    );
    let untyped = Request::post("/").body(Body::from(r#"{"title": "milk"}"#));
    let untyped = call(&app, untyped.unwrap()).await;
    assert_eq!(untyped.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    // An array, too, is a struct for what serde derives.
    let array = call(&app, json(r#"["milk"]"#)).await;
    assert_eq!(array, (StatusCode::OK, "milk".to_owned()));
}

#[tokio::test]
async fn the_first_extractor_that_fails_answers() {
    async fn numbers(_: axum::extract::Path<u32>, _: axum::extract::Query<Numbers>, _: Json<Note>) {
    }
    #[derive(Deserialize)]
    struct Numbers {
        #[expect(dead_code, reason = "only its type matters")]
        limit: u32,
    }
    let app = Router::new().route("/{id}", post(numbers));
    let post = |path: &str| Request::post(path).body(Body::empty()).unwrap();
    // The path is wrong, the query is wrong, and the JSON is missing: they are asked in order.
    let (status, body) = call(&app, post("/milk?limit=ten")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.starts_with("Invalid URL: "), "{body}");
    let (status, body) = call(&app, post("/7?limit=ten")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        body.starts_with("Failed to deserialize query string"),
        "{body}"
    );
    let (status, _) = call(&app, post("/7?limit=10")).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

/// `DefaultBodyLimit` is a message to extractors. Who reads the body without one is not limited.
#[tokio::test]
async fn the_default_limit_is_for_extractors() {
    let raw = async |request: Request| {
        let body = request.into_body().collect().await;
        body.map_or_else(
            |_| "too much".to_owned(),
            |body| body.to_bytes().len().to_string(),
        )
    };
    let app = || {
        Router::new()
            .route("/bytes", post(async |body: Bytes| body.len().to_string()))
            .route("/raw", post(raw))
    };
    let request = |path: &str| Request::post(path).body(Body::from("12345")).unwrap();
    let limited = app().layer(DefaultBodyLimit::max(4));
    assert_eq!(
        call(&limited, request("/bytes")).await.0,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(call(&limited, request("/raw")).await.1, "5");
    let limited = app().layer(RequestBodyLimitLayer::new(4));
    assert_eq!(
        call(&limited, request("/bytes")).await.0,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(call(&limited, request("/raw")).await.1, "too much");
}

async fn two_at_once(app: Router) -> Vec<(StatusCode, Duration)> {
    let begin = Instant::now();
    let one = async || {
        let request = Request::get("/").body(Body::empty()).unwrap();
        (call(&app, request).await.0, begin.elapsed())
    };
    let (first, second) = tokio::join!(one(), one());
    vec![first, second]
}

/// Within one `ServiceBuilder` a timeout begins when the permit is there; two calls of `layer` put a
/// call between the two.
#[tokio::test(start_paused = true)]
async fn a_timeout_counts_the_queue_only_between_two_layers() {
    async fn too_slow(_: BoxError) -> StatusCode {
        StatusCode::SERVICE_UNAVAILABLE
    }
    // With a state, if an empty one: see the next test.
    let app = || waits().with_state(());
    let half = Duration::from_millis(500);
    let one_stack = app().layer(
        ServiceBuilder::new()
            .layer(HandleErrorLayer::new(too_slow))
            .layer(TimeoutLayer::new(half))
            .layer(ConcurrencyLimitLayer::new(1)),
    );
    let at = Duration::from_millis;
    let (ok, late) = (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(two_at_once(one_stack).await, [(ok, at(300)), (ok, at(600))]);
    // The last layer that is added is outermost.
    let two_stacks = app().layer(ConcurrencyLimitLayer::new(1)).layer(
        ServiceBuilder::new()
            .layer(HandleErrorLayer::new(too_slow))
            .layer(TimeoutLayer::new(half)),
    );
    assert_eq!(
        two_at_once(two_stacks).await,
        [(ok, at(300)), (late, at(500))]
    );
}

fn waits() -> Router {
    Router::new().route("/", get(async || sleep(Duration::from_millis(300)).await))
}

/// A layer is applied when a handler becomes a service, which needs the state. A router that was
/// given none does that for each connection of `axum::serve`, and for each call.
#[tokio::test(start_paused = true)]
async fn a_limit_without_a_state_is_a_limit_for_each_call() {
    let limit = || ConcurrencyLimitLayer::new(1);
    let ok = StatusCode::OK;
    let (once, twice) = (Duration::from_millis(300), Duration::from_millis(600));
    let none = waits().layer(limit());
    assert_eq!(two_at_once(none).await, [(ok, once), (ok, once)]);
    let given_later = waits().layer(limit()).with_state(());
    assert_eq!(two_at_once(given_later).await, [(ok, once), (ok, twice)]);
    let global = waits().layer(GlobalConcurrencyLimitLayer::new(1));
    assert_eq!(two_at_once(global).await, [(ok, once), (ok, twice)]);
}

#[tokio::test(start_paused = true)]
async fn each_route_has_a_limit_of_its_own() {
    let wait = async || sleep(Duration::from_millis(300)).await;
    let app = || {
        Router::new()
            .route("/a", get(wait))
            .route("/b", get(wait))
            .with_state(())
    };
    let elapsed = async |app: Router| {
        let begin = Instant::now();
        let one = async |path| call(&app, Request::get(path).body(Body::empty()).unwrap()).await;
        tokio::join!(one("/a"), one("/b"));
        begin.elapsed().as_millis()
    };
    assert_eq!(
        elapsed(app().layer(ConcurrencyLimitLayer::new(1))).await,
        300
    );
    assert_eq!(
        elapsed(app().layer(GlobalConcurrencyLimitLayer::new(1))).await,
        600
    );
}

#[tokio::test]
async fn the_same_over_sockets() {
    let most = async |app: &dyn Fn(Arc<Peak>) -> Router| {
        let peak = Arc::new(Peak::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(axum::serve(listener, app(Arc::clone(&peak))).into_future());
        let ask = async || {
            let request = Request::get("/").header("host", "localhost");
            let request = request.body(suite::Payload::None.body()).unwrap();
            suite::Client::new(address).send(request).await.unwrap()
        };
        tokio::join!(ask(), ask());
        server.abort();
        peak.most.load(Relaxed)
    };
    let routes = |peak: Arc<Peak>| Router::new().route("/", get(async move || peak.wait().await));
    let limit = || ConcurrencyLimitLayer::new(1);
    let without = most(&|peak| routes(peak).layer(limit())).await;
    let with = most(&|peak| routes(peak).layer(limit()).with_state(())).await;
    assert_eq!((without, with), (2, 1));
}

/// How many handlers run at one time.
#[derive(Default)]
struct Peak {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Peak {
    async fn wait(&self) {
        let now = self.now.fetch_add(1, Relaxed) + 1;
        self.most.fetch_max(now, Relaxed);
        sleep(Duration::from_millis(200)).await;
        self.now.fetch_sub(1, Relaxed);
    }
}

/// tower's timeout is an error, tower-http's is a response without a body.
#[tokio::test(start_paused = true)]
async fn there_are_two_timeouts() {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let limit =
        tower_http::timeout::TimeoutLayer::with_status_code(status, Duration::from_millis(100));
    let app = waits().layer(limit);
    let request = Request::get("/").body(Body::empty()).unwrap();
    assert_eq!(call(&app, request).await, (status, String::new()));
}

#[tokio::test]
async fn the_whole_service_runs_without_a_socket() {
    let app = with_axum::app(Options::default());
    let create = Request::post("/notes")
        .header("content-type", "application/json")
        .body(Body::from(r#"{"title": "milk"}"#))
        .unwrap();
    assert_eq!(
        call(&app, create).await,
        (
            StatusCode::CREATED,
            r#"{"id":1,"title":"milk","text":""}"#.to_owned()
        )
    );
    // A HEAD is a GET whose body is left out.
    let head = Request::builder().method(Method::HEAD).uri("/notes/1");
    let head = call(&app, head.body(Body::empty()).unwrap()).await;
    assert_eq!(head, (StatusCode::OK, String::new()));
}
