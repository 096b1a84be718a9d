//! The web service: JSON in, JSON out, and a status for each thing that can go wrong.
//!
//! In Python: aiohttp with asyncpg, in `service.py` beside this folder.

use std::any::Any;
use std::io;
use std::time::Duration;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use sqlx::AnyPool;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tower_http::catch_panic::CatchPanicLayer;

use crate::notes::{self, Note, Page};

/// The largest body of a request in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// How the service behaves beside its database.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a handler may take. It is dropped then, and the client gets a 503.
    pub handler: Duration,
    /// How long requests that are under way may still take after the service was asked to stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handler: Duration::from_secs(10),
            grace: Duration::from_secs(10),
        }
    }
}

/// Why a request is not answered with a note. Each is a status and one sentence as JSON.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 404.
    #[error("there is no note {0}")]
    NoNote(String),
    /// 404.
    #[error("there is nothing at {0}")]
    NoPath(String),
    /// 400, 413 or 415: the request cannot be read.
    #[error("{1}")]
    Unreadable(StatusCode, String),
    /// 422: it can be read, and its values are wrong.
    #[error("{0}")]
    Invalid(&'static str),
    /// 503: the database has no time, or is not there. Another try may succeed.
    #[error("the database is busy or away; try again")]
    Unavailable(#[source] sqlx::Error),
    /// 503: the handler was dropped.
    #[error("this took too long; try again")]
    TooSlow,
    /// 500: our fault.
    #[error("internal error")]
    Internal(#[source] sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        let passes = match &error {
            // Nobody returned a connection in time; the connection broke; the worker is gone.
            E::PoolTimedOut | E::PoolClosed | E::Io(_) | E::Protocol(_) | E::WorkerCrashed => true,
            E::Database(error) => error.code().is_some_and(|code| may_pass(&code)),
            _ => false,
        };
        if passes {
            Self::Unavailable(error)
        } else {
            Self::Internal(error)
        }
    }
}

/// Whether the same query may succeed a little later.
fn may_pass(code: &str) -> bool {
    // PostgreSQL has codes of five characters, SQLite numbers.
    match code {
        // Serialization failure, deadlock, and a query that the server has ended; SQLITE_BUSY, and
        // why: recovery, a snapshot too old to write on, a time-out.
        "40001" | "40P01" | "57014" | "5" | "261" | "517" | "773" => true,
        // A connection broke, the server is full, or is starting or stopping.
        _ => {
            code.len() == 5
                && ["08", "53", "57P"]
                    .iter()
                    .any(|class| code.starts_with(class))
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NoNote(_) | Self::NoPath(_) => StatusCode::NOT_FOUND,
            Self::Unreadable(status, _) => *status,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unavailable(_) | Self::TooSlow => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if let Self::Unavailable(cause) | Self::Internal(cause) = &self {
            // For whoever runs the service. The client gets no table names.
            eprintln!("database: {status}: {cause}");
        }
        let mut response = (status, sentence(&self.to_string())).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let soon = HeaderValue::from_static("1");
            response.headers_mut().insert(RETRY_AFTER, soon);
        }
        response
    }
}

fn sentence(text: &str) -> Json<serde_json::Value> {
    Json(json!({ "error": text }))
}

/// An object first, and then a [`Draft`]: serde's derive would take an array for one, too.
type Body = Result<Json<serde_json::Map<String, serde_json::Value>>, JsonRejection>;

/// What a client sends of a note.
#[derive(Debug, Deserialize)]
struct Draft {
    title: String,
    #[serde(default)]
    text: String,
}

impl Draft {
    /// Takes the request's body as JSON, and checks the values.
    fn read(body: Body) -> Result<Self, Error> {
        let Json(object) = body.map_err(|rejection| {
            let status = match rejection.status() {
                // axum tells JSON of the wrong shape from text that is no JSON. We do not.
                StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
                status => status,
            };
            Error::Unreadable(status, rejection.body_text())
        })?;
        let draft = serde_json::from_value(object.into());
        let mut draft: Self = draft.map_err(|error| {
            Error::Unreadable(StatusCode::BAD_REQUEST, format!("not a note: {error}"))
        })?;
        draft.title = draft.title.trim().to_owned();
        if !(1..=100).contains(&draft.title.chars().count()) {
            return Err(Error::Invalid("title must have 1 to 100 characters"));
        }
        if draft.text.chars().count() > 10_000 {
            return Err(Error::Invalid("text must have at most 10000 characters"));
        }
        // PostgreSQL has no such character, SQLite has.
        if draft.title.contains('\0') {
            return Err(Error::Invalid(
                "title must not contain the character U+0000",
            ));
        }
        if draft.text.contains('\0') {
            return Err(Error::Invalid("text must not contain the character U+0000"));
        }
        Ok(draft)
    }
}

/// Which notes a client wants to see.
#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default)]
    search: String,
    limit: Option<String>,
    offset: Option<String>,
}

/// A number of a query string: digits and nothing else, within bounds.
fn number(
    text: Option<&str>,
    default: i64,
    bounds: std::ops::RangeInclusive<i64>,
    otherwise: &str,
) -> Result<i64, Error> {
    let Some(text) = text else {
        return Ok(default);
    };
    digits(text)
        .filter(|number| bounds.contains(number))
        .ok_or_else(|| Error::Unreadable(StatusCode::BAD_REQUEST, otherwise.to_owned()))
}

/// `parse` alone would take `+7`.
fn digits(text: &str) -> Option<i64> {
    let all = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| all)
}

async fn create(State(pool): State<AnyPool>, body: Body) -> Result<Response, Error> {
    let draft = Draft::read(body)?;
    let note = notes::create(&pool, &draft.title, &draft.text).await?;
    let location = [(LOCATION, format!("/notes/{}", note.id))];
    Ok((StatusCode::CREATED, location, Json(note)).into_response())
}

async fn list(
    State(pool): State<AnyPool>,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Page>, Error> {
    let Query(wanted) = query
        .map_err(|rejection| Error::Unreadable(StatusCode::BAD_REQUEST, rejection.body_text()))?;
    let limit = number(
        wanted.limit.as_deref(),
        20,
        1..=100,
        "limit must be a number from 1 to 100",
    )?;
    let offset = number(
        wanted.offset.as_deref(),
        0,
        0..=i64::MAX,
        "offset must be a number from 0",
    )?;
    let page = notes::list(&pool, &wanted.search, limit, offset).await?;
    Ok(Json(page))
}

async fn show(State(pool): State<AnyPool>, Path(id): Path<String>) -> Result<Json<Note>, Error> {
    let found = match digits(&id) {
        Some(number) => notes::get(&pool, number).await?,
        None => None,
    };
    found.map(Json).ok_or(Error::NoNote(id))
}

async fn change(
    State(pool): State<AnyPool>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<Note>, Error> {
    let draft = Draft::read(body)?;
    let changed = match digits(&id) {
        Some(number) => notes::change(&pool, number, &draft.title, &draft.text).await?,
        None => None,
    };
    changed.map(Json).ok_or(Error::NoNote(id))
}

async fn delete(State(pool): State<AnyPool>, Path(id): Path<String>) -> Result<StatusCode, Error> {
    let deleted = match digits(&id) {
        Some(number) => notes::delete(&pool, number).await?,
        None => false,
    };
    if deleted {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::NoNote(id))
    }
}

/// What the service answers, and where.
pub fn routes() -> Router<AnyPool> {
    Router::new()
        .route("/notes", get(list).post(create))
        .route("/notes/{id}", get(show).put(change).delete(delete))
}

/// Routes with what holds for all of them: limits, and an answer to everything else.
pub fn app(routes: Router<AnyPool>, pool: AnyPool, limits: Limits) -> Router {
    routes
        .fallback(|request: Request| async move { Error::NoPath(request.uri().path().to_owned()) })
        .method_not_allowed_fallback(|| async {
            let text = sentence("this method is not allowed here");
            (StatusCode::METHOD_NOT_ALLOWED, text)
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CatchPanicLayer::custom(|_: Box<dyn Any + Send>| {
            let text = sentence("internal error");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }))
        .layer(middleware::from_fn(
            move |request: Request, next: Next| async move {
                // Dropped at its deadline, wherever it waits: a transaction is then rolled back.
                timeout(limits.handler, next.run(request))
                    .await
                    .unwrap_or_else(|_| Error::TooSlow.into_response())
            },
        ))
        .with_state(pool)
}

/// Serves until `shutdown` completes, then answers what is under way, and closes the pool.
/// Returns whether all was answered in time.
///
/// # Errors
///
/// None that axum knows of today; its signature promises less.
pub async fn serve(
    listener: TcpListener,
    pool: AnyPool,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<bool> {
    let (asked, was_asked) = tokio::sync::oneshot::channel();
    let shutdown = async move {
        shutdown.await;
        let _ = asked.send(());
    };
    let server =
        axum::serve(listener, app(routes(), pool.clone(), limits)).with_graceful_shutdown(shutdown);
    let out_of_time = async {
        if was_asked.await.is_err() {
            std::future::pending::<()>().await;
        }
        sleep(limits.grace).await;
    };
    let in_time = tokio::select! {
        result = server => { result?; true }
        () = out_of_time => false,
    };
    // Waits until each connection has come back, so it has a limit too.
    let closed = timeout(limits.grace, pool.close()).await.is_ok();
    Ok(in_time && closed)
}
