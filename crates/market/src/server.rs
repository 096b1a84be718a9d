//! The HTTP of it: a page, the state, and the stream of events.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{sleep, timeout};

use crate::exchange;
use crate::live::Live;
use crate::patient::Patient;
use crate::sse;
use crate::trade::Symbol;
use crate::view::{View, Wanted};

type Response = hyper::Response<UnsyncBoxBody<Bytes, Infallible>>;

/// How long a client may take to send the head of a request.
const HEAD: Duration = Duration::from_secs(5);

/// How many bytes the system may keep for a client that does not read, for each connection. Linux
/// doubles it. If nobody says, it lets the buffer grow to millions of bytes: a slow client would read
/// old news out of it for minutes, however fresh the updates are that we make.
const SEND_BUFFER: u32 = 32 * 1024;

/// For each response. Nothing may be loaded from elsewhere, and no script may stand in the page.
const SECURITY: [(HeaderName, &str); 3] = [
    (
        hyper::header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (hyper::header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (hyper::header::REFERRER_POLICY, "no-referrer"),
];

/// A listener on this port of the loopback interface; 0 takes a free one.
///
/// # Errors
///
/// If the system gives none, above all when the port is in use.
pub fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // On Unix: take the port although connections of an earlier run still fade. On Windows it would
    // mean something else, namely to take it from another program.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    // Connections inherit it from the listener.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(1024)
}

/// Serves until `shutdown` completes. Then each stream gets `event: bye` and ends, as far as its
/// client takes it within [`crate::live::Limits::grace`].
pub async fn serve(listener: TcpListener, live: Arc<Live>, shutdown: impl Future<Output = ()>) {
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
        // An update is small and complete: it shall not wait for more, nor for the last one's receipt.
        let _ = stream.set_nodelay(true);
        // A client that hangs up is no error of the server.
        tokio::spawn(connection(stream, Arc::clone(&live), graceful.watcher()));
    }
    drop(listener);
    live.stop();
    let _ = timeout(live.limits.grace, graceful.shutdown()).await;
}

/// Serves one connection, of whatever kind: a socket, or a pipe in a test. Ends early when `watcher`
/// says so.
pub async fn connection(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    live: Arc<Live>,
    watcher: Watcher,
) {
    let io = Patient::new(io, live.limits.patience);
    let service = service_fn(move |request| {
        let response = respond(&live, &request);
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(io), service);
    let _ = watcher.watch(connection).await;
}

fn respond(live: &Arc<Live>, request: &Request<Incoming>) -> Response {
    let mut response = route(live, request);
    for (name, value) in SECURITY {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn route(live: &Arc<Live>, request: &Request<Incoming>) -> Response {
    let path = request.uri().path();
    let is_known = matches!(
        path,
        "/" | "/market.js" | "/chart.js" | "/market.css" | "/state" | "/events"
    );
    if !is_known {
        return error(StatusCode::NOT_FOUND, "there is nothing at this path");
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let refused = error(
            StatusCode::METHOD_NOT_ALLOWED,
            "this path has no such method",
        );
        return with(refused, ALLOW, "GET, HEAD");
    }
    match path {
        "/" => file("text/html; charset=utf-8", include_str!("page/index.html")),
        "/market.css" => file("text/css; charset=utf-8", include_str!("page/market.css")),
        "/market.js" => file(
            "text/javascript; charset=utf-8",
            include_str!("page/market.js"),
        ),
        "/chart.js" => file(
            "text/javascript; charset=utf-8",
            include_str!("page/chart.js"),
        ),
        _ => match wanted(live, request.uri().query().unwrap_or_default()) {
            Err(unknown) => error(
                StatusCode::NOT_FOUND,
                &format!("there is no symbol {unknown}"),
            ),
            Ok(wanted) if path == "/state" => state(live, &wanted),
            Ok(wanted) => events(live, wanted, request),
        },
    }
}

fn state(live: &Live, wanted: &Wanted) -> Response {
    let now = live.watch();
    let now = now.borrow();
    let view = View::snapshot(&now.market, wanted, &live.source);
    let Ok(text) = serde_json::to_vec(&view) else {
        return error(StatusCode::INTERNAL_SERVER_ERROR, "internal error");
    };
    with(full(text), CONTENT_TYPE, "application/json")
}

fn events(live: &Arc<Live>, wanted: Wanted, request: &Request<Incoming>) -> Response {
    let last_event_id = request.headers().get("last-event-id");
    let last_event_id = last_event_id.and_then(|id| id.to_str().ok());
    if last_event_id.is_some_and(|id| sse::has_seen_all(live, id)) {
        // A browser comes back whenever a stream ends. This status tells it to stay away.
        return status(full(""), StatusCode::NO_CONTENT);
    }
    let response = if request.method() == Method::HEAD {
        full("")
    } else {
        let Ok(place) = Arc::clone(&live.streams).try_acquire_owned() else {
            let refused = error(StatusCode::SERVICE_UNAVAILABLE, "too many streams");
            return with(refused, RETRY_AFTER, "5");
        };
        let stream = sse::stream(Arc::clone(live), wanted, last_event_id, place);
        let body = StreamBody::new(stream.map(|update| Ok(Frame::data(update))));
        hyper::Response::new(body.boxed_unsync())
    };
    with(response, CONTENT_TYPE, "text/event-stream")
}

/// The symbols of a query such as `symbols=ACME,BOLT`; none is all.
fn wanted(live: &Live, query: &str) -> Result<Wanted, String> {
    let values = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("symbols="));
    let mut symbols = BTreeSet::new();
    let now = live.watch();
    for value in values {
        let value = decoded(value);
        for name in value
            .split(|byte| *byte == b',')
            .filter(|name| !name.is_empty())
        {
            let symbol = Symbol::new(name).filter(|symbol| {
                exchange::symbols().any(|other| other == *symbol)
                    || now.borrow().market.knows(*symbol)
            });
            symbols.insert(symbol.ok_or_else(|| String::from_utf8_lossy(name).into_owned())?);
        }
    }
    Ok(if symbols.is_empty() {
        Wanted::All
    } else {
        Wanted::Only(symbols)
    })
}

/// Without the `%2C` that scripts make of a comma.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().iter();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        let rest = bytes.as_slice();
        let code = rest.get(..2).filter(|_| *byte == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(code) => {
                decoded.push(code);
                bytes.nth(1);
            }
            None => decoded.push(*byte),
        }
    }
    decoded
}

fn full(text: impl Into<Bytes>) -> Response {
    let body = Full::new(text.into());
    hyper::Response::new(body.boxed_unsync())
}

fn file(kind: &'static str, text: &'static str) -> Response {
    with(full(text), CONTENT_TYPE, kind)
}

fn error(code: StatusCode, sentence: &str) -> Response {
    let text = json!({ "error": sentence }).to_string();
    with(status(full(text), code), CONTENT_TYPE, "application/json")
}

fn status(mut response: Response, status: StatusCode) -> Response {
    *response.status_mut() = status;
    response
}

fn with(mut response: Response, name: HeaderName, value: &'static str) -> Response {
    let value = HeaderValue::from_static(value);
    response.headers_mut().insert(name, value);
    response
}
