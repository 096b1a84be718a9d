//! A web server whose handler waits one second: aiohttp's example in Rust.
//!
//! This file is the application, what you would write with aiohttp too: the routes, the handlers,
//! and how the server starts and stops. [`server`] is what aiohttp does for you and hyper leaves to
//! you: accept, serve each connection in a task of its own, set limits, drain.
//!
//! In Python: `app = web.Application()`, `app.add_routes([web.get("/", handle_request)])`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::sleep;

pub mod server;

pub use server::{Limits, Summary};

/// How many connections the operating system keeps for us while we have not accepted them yet.
///
/// `TcpListener::bind` asks for 128. A burst of clients beyond that is not refused but ignored, and
/// each tries again one second later, then two, then four. The system's own maximum still counts
/// (on Linux `net.core.somaxconn`).
const BACKLOG: u32 = 4096;

/// How the service behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long `GET /` waits before it answers.
    pub delay: Duration,
    /// What a client may take.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(1),
            limits: Limits::default(),
        }
    }
}

/// Listens on 127.0.0.1, where only this machine can connect. Port 0 takes any free one, which
/// [`TcpListener::local_addr`] then tells.
///
/// # Errors
///
/// When the port is in use, or may not be used.
///
/// # Panics
///
/// Outside a tokio runtime.
pub fn bind(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // Otherwise a server that has just stopped could not start again for a minute, while the system
    // remembers its connections. On Windows the option means something else: to take away a port
    // that another program listens on.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
}

/// Serves until `shutdown` completes, then answers what is in flight, and returns.
///
/// Dropping the future stops at once: every connection is closed, whatever it was doing.
pub async fn run(
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> Summary {
    let delay = options.delay;
    server::serve(
        listener,
        options.limits,
        move |request| answer(request, delay),
        shutdown,
    )
    .await
}

/// The routes. aiohttp has a router; hyper hands over each request, and a `match` will do.
async fn answer(request: Request<Bytes>, delay: Duration) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        // hyper leaves the body of an answer to HEAD unsent, and sends its length.
        (&Method::GET | &Method::HEAD, "/") => handle_request(delay).await,
        (&Method::POST, "/echo") => text(StatusCode::OK, request.into_body()),
        (_, "/") => not_allowed("GET,HEAD"),
        (_, "/echo") => not_allowed("POST"),
        _ => text(StatusCode::NOT_FOUND, "404: Not Found"),
    }
}

async fn handle_request(delay: Duration) -> Response<Full<Bytes>> {
    sleep(delay).await; // stands in for a database, or another server
    text(StatusCode::OK, "Hello, world!")
}

/// A 405 must say what is allowed.
fn not_allowed(methods: &'static str) -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "405: Method Not Allowed");
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(methods));
    response
}

/// A response of plain text.
// Not `Response::builder()`: it returns a `Result`, for headers that may be wrong. These cannot be.
pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
