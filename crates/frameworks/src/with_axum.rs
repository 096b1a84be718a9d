//! The notes in axum.

use std::any::Any;
use std::sync::Arc;

use axum::error_handling::HandleErrorLayer;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{BoxError, Json, Router};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::sleep;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::trace::TraceLayer;

use crate::Options;
use crate::notes::{Draft, Note, Page, Refusal, Store, Wanted};
use crate::probes::{self, Counts, Seen};
use crate::suite::MAX_BODY;

/// Serves the notes until `shutdown` completes, then finishes what is in flight.
pub async fn serve(listener: TcpListener, options: Options, shutdown: impl Future<Output = ()>) {
    // axum waits for the last client, however long it takes: the limit is ours.
    let (stop, stopping) = oneshot::channel::<()>();
    let server = axum::serve(listener, app(options)).with_graceful_shutdown(async {
        let _ = stopping.await;
    });
    let give_up = async {
        shutdown.await;
        let _ = stop.send(());
        sleep(options.grace).await;
    };
    tokio::select! {
        _ = server => {}
        () = give_up => {}
    }
}

/// The service without a socket: tests call it as a function.
pub fn app(options: Options) -> Router {
    let mut app = Router::new()
        .route("/notes", get(list).post(create))
        .route("/notes/{id}", get(read).put(replace).delete(delete));
    if options.probes {
        app = app.merge(probe_routes());
    }
    let app = app.with_state(Arc::new(Shared::default()));
    if options.defaults {
        return app;
    }
    app.fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        // From the outside to the inside: a request passes them downwards, its response upwards.
        .layer(
            ServiceBuilder::new()
                .layer(TraceLayer::new_for_http())
                .layer(CatchPanicLayer::custom(internal_error))
                .layer(CompressionLayer::new())
                // The error of the time limit below becomes a response here.
                .layer(HandleErrorLayer::new(too_slow))
                .timeout(options.time_limit)
                .layer(DefaultBodyLimit::max(MAX_BODY)),
        )
}

/// What all handlers share.
#[derive(Debug, Default)]
struct Shared {
    store: Store,
    seen: Seen,
}

type App = State<Arc<Shared>>;

async fn list(
    State(app): App,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(wanted) = wanted?;
    Ok(Json(app.store.list(&wanted)?))
}

async fn create(State(app): App, Sent(draft): Sent) -> impl IntoResponse {
    let note = app.store.create(draft);
    let location = [(LOCATION, format!("/notes/{}", note.id()))];
    (StatusCode::CREATED, location, Json(note))
}

async fn read(State(app): App, Id(id): Id) -> Result<Json<Note>, Problem> {
    Ok(Json(app.store.read(id)?))
}

async fn replace(State(app): App, Id(id): Id, Sent(draft): Sent) -> Result<Json<Note>, Problem> {
    Ok(Json(app.store.replace(id, draft)?))
}

async fn delete(State(app): App, Id(id): Id) -> Result<StatusCode, Problem> {
    app.store.delete(id)?;
    Ok(StatusCode::NO_CONTENT)
}

/// An answer that is an error: `{"error": "…"}`.
struct Problem(StatusCode, String);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

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

// axum's own answer to a bad request is a line of plain text.
impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let status = match rejection {
            // axum says 422 where the JSON has another shape than the type. Ours is 400.
            JsonRejection::JsonDataError(_) => StatusCode::BAD_REQUEST,
            _ => rejection.status(),
        };
        Self(status, rejection.body_text())
    }
}

/// The id in the path. What is no number is nothing that we have, so it is not found.
struct Id(u64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = Path::<u64>::from_request_parts(parts, state).await;
        let what = "there is nothing at this path";
        id.map(|Path(id)| Self(id))
            .map_err(|_| Problem(StatusCode::NOT_FOUND, what.into()))
    }
}

/// The note in the body. It takes the body, so it stands last among the arguments.
struct Sent(Draft);

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Json(object) = Json::<Map<String, Value>>::from_request(request, state).await?;
        Ok(Self(Draft::from_object(object)?))
    }
}

async fn not_found() -> Problem {
    Problem(
        StatusCode::NOT_FOUND,
        "there is nothing at this path".into(),
    )
}

async fn not_allowed() -> Problem {
    Problem(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path has no such method".into(),
    )
}

async fn too_slow(_: BoxError) -> impl IntoResponse {
    let problem = Problem(StatusCode::SERVICE_UNAVAILABLE, "this took too long".into());
    ([(RETRY_AFTER, "1")], problem)
}

fn internal_error(_: Box<dyn Any + Send>) -> Response {
    Problem(StatusCode::INTERNAL_SERVER_ERROR, "internal error".into()).into_response()
}

fn probe_routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/probe/slow", get(probes::slow))
        .route("/probe/panic", get(async || probes::panics()))
        .route("/probe/seen", get(seen))
        .route(
            "/probe/wait",
            get(async |State(app): App| app.seen.wait().await),
        )
        .route(
            "/probe/size",
            post(async |body: Bytes| Json(json!({"size": body.len()}))),
        )
        .route("/probe/draft", post(async |_: Json<Draft>| "taken"))
}

async fn seen(State(app): App) -> Json<Counts> {
    Json(app.seen.counts())
}
