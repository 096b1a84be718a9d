//! What aiohttp's `AppRunner` and `TCPSite` do, put together from the parts of tokio and hyper.
//!
//! | part | what it does | in aiohttp |
//! |---|---|---|
//! | [`TcpListener`] | gives out connections | `TCPSite` |
//! | [`JoinSet`] | owns a task for each connection | `asyncio.Server` |
//! | [`TokioIo`] | lets hyper, which knows no runtime, read and write a tokio socket | – |
//! | [`http1::Builder`] | speaks HTTP on one connection, and sets its limits | `RequestHandler` |
//! | [`service_fn`] | makes a service of a function | – |
//! | [`http1::Connection::graceful_shutdown`] | asks one connection to end | `AppRunner.cleanup()` |

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use common::Trace as _;
use futures::FutureExt as _;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::text;

/// The largest request head (request line and headers) in bytes; a larger one is answered 431.
const MAX_HEAD: usize = 16 * 1024;

/// How long to wait before accepting again when the system has no more files or memory for us.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// How long the rest of a refused body is read and thrown away.
const LINGER: Duration = Duration::from_secs(2);

/// What a client may take. Each limit that is missing is a way to stop a server from outside.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at one time, at least 1. More wait in the system's backlog: for their clients
    /// they are open, and nobody answers yet.
    pub connections: usize,
    /// Bytes of one request body. It is held in memory, on every connection if clients so wish.
    pub body: usize,
    /// How long a client may take to send a request head, and again to send the body. A connection
    /// that is kept alive and idle is closed after as long.
    pub patience: Duration,
    /// How long requests in flight may take to finish once the server has been asked to stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            body: 64 * 1024,
            patience: Duration::from_secs(10),
            grace: Duration::from_secs(10),
        }
    }
}

/// What happened while the server ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Requests answered, whatever the status.
    pub answered: usize,
    /// The largest number of requests in flight at one time.
    pub most_at_once: usize,
    /// Requests whose handler was dropped because the client had hung up.
    pub abandoned: usize,
    /// Of those answered: after the server had been asked to stop.
    pub drained: usize,
    /// Connections closed by force, because the grace period was over. Idle ones have closed by
    /// themselves before.
    pub cut: usize,
}

/// Accepts connections and serves each in a task of its own, until `shutdown` completes; then
/// drains.
///
/// Dropping the future closes every connection at once.
pub async fn serve<H, F>(
    listener: TcpListener,
    limits: Limits,
    handler: H,
    shutdown: impl Future<Output = ()>,
) -> Summary
where
    H: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(
        limits.connections.clamp(1, Semaphore::MAX_PERMITS),
    ));
    let server = Arc::new(Server {
        handler,
        limits,
        counts: Counts::default(),
    });
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    // The runtime hears of sockets and timers in the same breath: once this timer has fired, it
    // has heard of all that came before the signal, and nobody mistakes it for silence.
    let last_call = async {
        shutdown.await;
        sleep(Duration::from_millis(1)).await;
    };
    let mut last_call = pin!(last_call);
    loop {
        tokio::select! {
            // Asked in this order, so that a client that connected before the signal is served.
            // The signal is not kept waiting for ever: a flood of clients runs out of slots.
            biased;
            (stream, slot) = accept(&listener, &slots) => {
                let connection = Arc::clone(&server).connection(stream, stopping.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(slot);
                });
            }
            () = &mut last_call => break,
        }
        // Otherwise the set would keep a result for every connection there ever was.
        while connections.try_join_next().is_some() {}
    }
    drop(listener); // from here on, new connections are refused
    let before = server.counts.answered.load(Relaxed);
    stop.send_replace(true);
    // Nothing else ends the wait for a handler that hangs.
    let finish = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(server.limits.grace, finish).await;
    let cut = connections.len();
    let summary = server.counts.summary(before, cut);
    connections.shutdown().await;
    summary
}

/// The next connection, and the slot it takes.
///
/// The slot comes first: a connection that is not accepted waits in the backlog and costs us
/// nothing. An error is never the end: most are about one connection, the rest pass.
///
/// Cancel safe: a connection is taken from the backlog or it is not.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    // An error says that the semaphore was closed. Nobody closes it.
    let Ok(slot) = Arc::clone(slots).acquire_owned().await else {
        std::future::pending().await
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                eprintln!("cannot accept a connection, trying again in 1 s: {error}");
                // The connection is still in the backlog, so `accept` would fail again at once:
                // without the pause this loop would keep a core busy, and write such lines, for
                // as long as there are too many files open.
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the client gave up between connecting and being accepted. The next one may be fine.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}

/// What all connections share.
struct Server<H> {
    handler: H,
    limits: Limits,
    counts: Counts,
}

impl<H, F> Server<H>
where
    H: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    /// Serves one connection, request after request, until either side ends it.
    async fn connection<I>(self: Arc<Self>, io: I, mut stopping: watch::Receiver<bool>)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let server = Arc::clone(&self);
        let service = service_fn(move |request| {
            let server = Arc::clone(&server);
            async move { Ok::<_, Infallible>(server.respond(request).await) }
        });
        let connection = http1::Builder::new()
            // hyper knows no clock either. Without a timer the next line panics; and without both
            // lines there is no limit, although the documentation says "default is 30 seconds".
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.patience)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(io), service);
        let mut connection = pin!(connection);
        tokio::select! {
            // In this order: first read what has arrived, then ask whether to stop.
            biased;
            _ = &mut connection => return,
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
        // An idle connection ends now, the others after their response.
        connection.as_mut().graceful_shutdown();
        // An error is the client's doing (it hung up, was too slow, or spoke no HTTP) and nobody
        // here can mend it. Logged, it would let every client fill our disk.
        let _ = connection.await;
    }

    /// Answers one request: reads its body, calls the handler.
    ///
    /// hyper drops this future when the client hangs up, wherever it is then waiting.
    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let in_flight = self.counts.begin();
        let response = match self.receive(request).await {
            Ok(request) => {
                let number = in_flight.number;
                let handler = self.call(request).traced(format_args!("request({number})"));
                handler.await
            }
            Err(refusal) => refusal,
        };
        in_flight.answered();
        response
    }

    /// Calls the handler. A panic in it is this request's 500, and nobody else's trouble.
    async fn call(&self, request: Request<Bytes>) -> Response<Full<Bytes>> {
        // `AssertUnwindSafe`: what a handler shares with others may be half changed when it
        // panics. Ours shares nothing; a poisoned `Mutex` would say so.
        let handler = AssertUnwindSafe(async { (self.handler)(request).await });
        let response = handler.catch_unwind().await;
        // The panic hook has printed what happened, and where.
        response.unwrap_or_else(|_| {
            text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "500: Internal Server Error",
            )
        })
    }

    /// The request with its body in memory, or the refusal of a body that is too large, too slow
    /// or broken.
    async fn receive(
        &self,
        request: Request<Incoming>,
    ) -> Result<Request<Bytes>, Response<Full<Bytes>>> {
        let (head, mut body) = request.into_parts();
        let limit = self.limits.body;
        // What the client declares is refused before it is sent, what it sends undeclared
        // (chunked) when it becomes too much.
        if body.size_hint().lower() > limit as u64 {
            return Err(too_large(body));
        }
        let read = timeout(
            self.limits.patience,
            Limited::new(&mut body, limit).collect(),
        )
        .await;
        match read {
            Ok(Ok(read)) => Ok(Request::from_parts(head, read.to_bytes())),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(body)),
            Ok(Err(_)) => Err(refuse(StatusCode::BAD_REQUEST, "400: Bad Request")),
            Err(_) => Err(refuse(StatusCode::REQUEST_TIMEOUT, "408: Request Timeout")),
        }
    }
}

/// A response after which the connection ends, because the request was not read to its end.
fn refuse(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    let mut response = text(status, body);
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Refuses a body, and throws away what is still coming.
///
/// If we closed now, the client's next write would fail with "broken pipe", and few clients then
/// look whether there is an answer. aiohttp does the same and calls it `lingering_time`.
fn too_large(mut rest: Incoming) -> Response<Full<Bytes>> {
    // In a task of its own, so that the response does not wait for it.
    tokio::spawn(timeout(LINGER, async move {
        while let Some(Ok(_)) = rest.frame().await {}
    }));
    refuse(StatusCode::PAYLOAD_TOO_LARGE, "413: Payload Too Large")
}

// `Relaxed` is enough: these numbers are only reported, no other memory depends on them.
#[derive(Debug, Default)]
struct Counts {
    begun: AtomicUsize,
    in_flight: AtomicUsize,
    most_at_once: AtomicUsize,
    answered: AtomicUsize,
    abandoned: AtomicUsize,
}

/// One request being answered.
struct InFlight<'a> {
    counts: &'a Counts,
    /// The first request of the server is 1.
    number: usize,
    answered: bool,
}

impl Counts {
    fn begin(&self) -> InFlight<'_> {
        let now = self.in_flight.fetch_add(1, Relaxed) + 1;
        self.most_at_once.fetch_max(now, Relaxed);
        let number = self.begun.fetch_add(1, Relaxed) + 1;
        InFlight {
            counts: self,
            number,
            answered: false,
        }
    }

    fn summary(&self, answered_before: usize, cut: usize) -> Summary {
        let answered = self.answered.load(Relaxed);
        Summary {
            answered,
            most_at_once: self.most_at_once.load(Relaxed),
            abandoned: self.abandoned.load(Relaxed),
            drained: answered - answered_before,
            cut,
        }
    }
}

impl InFlight<'_> {
    fn answered(mut self) {
        self.answered = true;
    }
}

// In `drop`, because that is all that runs when a future is dropped.
impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let Counts {
            in_flight,
            answered,
            abandoned,
            ..
        } = self.counts;
        in_flight.fetch_sub(1, Relaxed);
        let count = if self.answered { answered } else { abandoned };
        count.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests;
