//! The notes in bare hyper. What a framework brings is here written out.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use crate::notes::{Draft, Refusal, Store, Wanted};
use crate::probes::{self, Seen};
use crate::suite::MAX_BODY;
use crate::{Options, percent};

type Response = hyper::Response<Full<Bytes>>;

struct Service {
    options: Options,
    store: Store,
    seen: Seen,
}

/// Serves the notes until `shutdown` completes, then finishes what is in flight.
pub async fn serve(listener: TcpListener, options: Options, shutdown: impl Future<Output = ()>) {
    let service = Arc::new(Service {
        options,
        store: Store::default(),
        seen: Seen::default(),
    });
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => {
                    eprintln!("cannot accept a connection, trying again in 1 s: {error}");
                    sleep(Duration::from_secs(1)).await;
                    continue;
                }
            },
            () = &mut shutdown => break,
        };
        let service = Arc::clone(&service);
        let mut builder = http1::Builder::new();
        if !options.defaults {
            // A client that sends half a head and no more would keep its connection for ever.
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(options.patience);
        }
        let connection = builder.serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| {
                let service = Arc::clone(&service);
                async move { Ok::<_, Infallible>(service.respond(request).await) }
            }),
        );
        // A client's error, such as hanging up, is no error of the server.
        tokio::spawn(graceful.watch(connection).map(drop));
    }
    drop(listener);
    let _ = timeout(options.grace, graceful.shutdown()).await;
}

impl Service {
    /// Every request comes through here: what axum's layers do, in their order.
    async fn respond(&self, request: Request<Incoming>) -> Response {
        if self.options.defaults {
            return self.route(request).await;
        }
        // The handlers share a store whose lock heals (`Store::lock`), so unwinding is safe.
        let handler = AssertUnwindSafe(self.route(request)).catch_unwind();
        match timeout(self.options.time_limit, handler).await {
            Ok(Ok(response)) => response,
            Ok(Err(_panic)) => error(StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
            Err(_elapsed) => with(
                error(StatusCode::SERVICE_UNAVAILABLE, "this took too long"),
                RETRY_AFTER,
                "1",
            ),
        }
    }

    async fn route(&self, request: Request<Incoming>) -> Response {
        let path = request.uri().path().to_owned();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let result = match (segments.as_slice(), request.method()) {
            (["notes"], &Method::GET | &Method::HEAD) => self.list(&request),
            (["notes"], &Method::POST) => self.create(request).await,
            (["notes"], _) => Ok(not_allowed("GET, HEAD, POST")),
            (["notes", id], method) => match id.parse() {
                Err(_) => Ok(not_found()),
                Ok(id) => match *method {
                    Method::GET | Method::HEAD => self.read(id),
                    Method::PUT => self.replace(id, request).await,
                    Method::DELETE => self.delete(id),
                    _ => Ok(not_allowed("DELETE, GET, HEAD, PUT")),
                },
            },
            (["probe", probe], _) if self.options.probes => self.probe(probe, request).await,
            _ => Ok(not_found()),
        };
        result.unwrap_or_else(|Problem(status, sentence)| error(status, &sentence))
    }

    fn list(&self, request: &Request<Incoming>) -> Result<Response, Problem> {
        let mut wanted = Wanted::default();
        let number = |name, value: &str| {
            let problem = || Problem(StatusCode::BAD_REQUEST, format!("{name} must be a number"));
            value.parse().map_err(|_| problem())
        };
        for pair in request.uri().query().unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "search" => wanted.search = percent::decode(value),
                "limit" => wanted.limit = number(name, value)?,
                "offset" => wanted.offset = number(name, value)?,
                _ => {}
            }
        }
        Ok(json(StatusCode::OK, &self.store.list(&wanted)?))
    }

    async fn create(&self, request: Request<Incoming>) -> Result<Response, Problem> {
        let note = self.store.create(self.draft(request).await?);
        let location = format!("/notes/{}", note.id());
        Ok(with(json(StatusCode::CREATED, &note), LOCATION, &location))
    }

    fn read(&self, id: u64) -> Result<Response, Problem> {
        Ok(json(StatusCode::OK, &self.store.read(id)?))
    }

    async fn replace(&self, id: u64, request: Request<Incoming>) -> Result<Response, Problem> {
        let draft = self.draft(request).await?;
        Ok(json(StatusCode::OK, &self.store.replace(id, draft)?))
    }

    fn delete(&self, id: u64) -> Result<Response, Problem> {
        self.store.delete(id)?;
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }

    async fn draft(&self, request: Request<Incoming>) -> Result<Draft, Problem> {
        let media_type = request.headers().get(CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok());
        let media_type = media_type.and_then(|value| value.split(';').next());
        if !media_type.is_some_and(|it| it.trim().eq_ignore_ascii_case("application/json")) {
            let sentence = "Expected request with `Content-Type: application/json`".to_owned();
            return Err(Problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence));
        }
        let body = self.body(request).await?;
        let object: Map<String, Value> = serde_json::from_slice(&body).map_err(|what| {
            Problem(
                StatusCode::BAD_REQUEST,
                format!("this is no JSON object: {what}"),
            )
        })?;
        Ok(Draft::from_object(object)?)
    }

    /// The whole body, up to the limit.
    async fn body(&self, request: Request<Incoming>) -> Result<Bytes, Problem> {
        let mut body = request.into_body();
        let limit = if self.options.defaults {
            usize::MAX
        } else {
            MAX_BODY
        };
        // What is declared too large is not read at all.
        let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if declared > limit {
            return Err(too_large(body));
        }
        match Limited::new(&mut body, limit).collect().await {
            Ok(whole) => Ok(whole.to_bytes()),
            Err(what) if what.is::<LengthLimitError>() => Err(too_large(body)),
            Err(_) => Err(Problem(
                StatusCode::BAD_REQUEST,
                "the body broke off".to_owned(),
            )),
        }
    }

    async fn probe(&self, probe: &str, request: Request<Incoming>) -> Result<Response, Problem> {
        match probe {
            "slow" => probes::slow().await,
            "panic" => probes::panics(),
            "wait" => self.seen.wait().await,
            "seen" => {}
            "size" => {
                let size = self.body(request).await?.len();
                return Ok(json(StatusCode::OK, &serde_json::json!({"size": size})));
            }
            _ => return Ok(not_found()),
        }
        Ok(json(StatusCode::OK, &self.seen.counts()))
    }
}

/// A request that is refused: `{"error": "…"}`.
struct Problem(StatusCode, String);

// So that `?` turns a refusal into its status.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::Shape(_) | Refusal::Query(_) => StatusCode::BAD_REQUEST,
            Refusal::Rule(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::NoNote(_) => StatusCode::NOT_FOUND,
        };
        Self(status, refusal.to_string())
    }
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let (status, body) = match serde_json::to_vec(value) {
        Ok(body) => (status, body),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Vec::new()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    with(response, CONTENT_TYPE, "application/json")
}

fn error(status: StatusCode, sentence: &str) -> Response {
    json(status, &serde_json::json!({"error": sentence}))
}

fn with(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "there is nothing at this path")
}

fn not_allowed(methods: &str) -> Response {
    let refused = error(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path has no such method",
    );
    with(refused, ALLOW, methods)
}

/// Refuses a body, and reads for a while what the client is still sending: if the connection were
/// closed under it, the client would see a reset instead of the answer.
fn too_large(mut rest: Incoming) -> Problem {
    tokio::spawn(timeout(Duration::from_secs(2), async move {
        while let Some(Ok(_)) = rest.frame().await {}
    }));
    let sentence = format!("a body must have at most {MAX_BODY} bytes");
    Problem(StatusCode::PAYLOAD_TOO_LARGE, sentence)
}
