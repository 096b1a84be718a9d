//! Accepts connections, serves the page, and turns `GET /ws` into a WebSocket.

use std::convert::Infallible;
use std::future::Future;
use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_util::task::TaskTracker;

use crate::chat::Chat;
use crate::connection::talk;
use crate::wire::{Socket, websocket};

type Response = hyper::Response<Full<Bytes>>;

/// So many connections may be busy with HTTP beside the WebSockets.
const BESIDE: usize = 256;
/// How long HTTP may go on when the server stops.
const LAST_ANSWER: Duration = Duration::from_millis(200);

/// Accepts until `shutdown` completes, and then waits until everyone has been told.
pub(crate) async fn accept(
    listener: TcpListener,
    chat: Arc<Chat>,
    shutdown: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(
        chat.options
            .max_connections
            .saturating_add(BESIDE)
            .min(Semaphore::MAX_PERMITS),
    ));
    let connections = TaskTracker::new();
    let mut shutdown = pin!(shutdown);
    let mut told = false;
    loop {
        // A place first: what we do not accept waits in the system's queue, which is bounded too.
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, _)) => {
                told = false;
                let chat = Arc::clone(&chat);
                connections.spawn(async move {
                    let _place = place;
                    serve(stream, chat).await;
                });
            }
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            // Most likely the process has no descriptor left. Those that have one go on.
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    eprintln!("chat: cannot accept more connections: {error}; see ulimit -n");
                }
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    chat.stop.cancel();
    connections.close();
    let _ = timeout(chat.options.grace, connections.wait()).await;
}

/// One connection from its first byte to its last: HTTP, and perhaps a conversation.
///
/// Each in a box of its own, which is gone with it. A task is as large as the largest of what it
/// awaits, for all its life: hyper's state and buffers would stay with each idle client.
async fn serve(stream: TcpStream, chat: Arc<Chat>) {
    // What is written is whole already; the system must not wait for more of it.
    let _ = stream.set_nodelay(true);
    let Some((wire, _open)) = boxed(|| http(stream, Arc::clone(&chat))).await else {
        return;
    };
    boxed(|| talk(wire, chat)).await;
}

/// The box is made before what is in it, so that this is not in the task first.
fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(make())
}

/// A WebSocket that counts.
struct Open(Arc<Chat>);

impl Open {
    fn new(chat: &Arc<Chat>) -> Option<Self> {
        let most = chat.options.max_connections;
        let add = |open: usize| (open < most).then_some(open + 1);
        let added = chat.connections.fetch_update(Relaxed, Relaxed, add);
        added.is_ok().then(|| Self(Arc::clone(chat)))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }
}

/// Serves HTTP until the client has enough of it, or wants to talk.
async fn http(stream: TcpStream, chat: Arc<Chat>) -> Option<(Socket, Open)> {
    // The service may be called many times, so what it finds has to leave it in this way.
    let found = Mutex::new(None);
    let service = service_fn(|mut request: Request<Incoming>| {
        let response = match respond(&mut request, &chat) {
            Answer::Done(response) => response,
            Answer::Upgrade(response, open) => {
                let upgrade = (hyper::upgrade::on(request), open);
                *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
                response
            }
        };
        async { Ok::<_, Infallible>(response) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(chat.options.head_within)
            .max_buf_size(16 * 1024)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    );
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = chat.stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            // That ends a connection that is silent, and finishes an answer. But it would also wait
            // for the rest of a request, for as long as a head may take.
            timeout(LAST_ANSWER, connection.as_mut()).await.unwrap_or(Ok(()))
        }
    };
    // A client's error, such as hanging up, is no error of the server.
    result.ok()?;
    let found = found.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (upgrade, open): (OnUpgrade, Open) = found?;
    // The socket itself: through `Upgraded` each read would be a call through a pointer, and
    // frames could not be written from the memory of others.
    let parts = upgrade.await.ok()?.downcast::<TokioIo<TcpStream>>().ok()?;
    let early = parts.read_buf.to_vec();
    Some((websocket(parts.io.into_inner(), early).await, open))
}

enum Answer {
    Done(Response),
    Upgrade(Response, Open),
}

fn respond(request: &mut Request<Incoming>, chat: &Arc<Chat>) -> Answer {
    let get = matches!(*request.method(), Method::GET | Method::HEAD);
    let response = match request.uri().path() {
        "/ws" if request.method() == Method::GET => match upgrade(request, chat) {
            Ok((response, open)) => return Answer::Upgrade(response, open),
            Err(response) => *response,
        },
        "/ws" => not_allowed("GET"),
        "/" | "/chat.js" | "/chat.css" | "/health" if !get => not_allowed("GET, HEAD"),
        "/" => page("text/html", include_str!("page/index.html")),
        "/chat.js" => page("text/javascript", include_str!("page/chat.js")),
        "/chat.css" => page("text/css", include_str!("page/chat.css")),
        "/health" => {
            let (connections, rooms) = (chat.connections.load(Relaxed), chat.rooms.count());
            let json = format!("{{\"connections\":{connections},\"rooms\":{rooms}}}");
            content("application/json", json)
        }
        _ => text(
            StatusCode::NOT_FOUND,
            "there is nothing here; the chat is at /\n",
        ),
    };
    Answer::Done(response)
}

/// The handshake of RFC 6455, 4.2.
fn upgrade(
    request: &Request<Incoming>,
    chat: &Arc<Chat>,
) -> Result<(Response, Open), Box<Response>> {
    let headers = request.headers();
    let wants =
        has(headers, header::CONNECTION, "upgrade") && has(headers, header::UPGRADE, "websocket");
    if !wants {
        let mut response = text(StatusCode::UPGRADE_REQUIRED, "this is for WebSockets\n");
        set(&mut response, header::CONNECTION, "upgrade");
        set(&mut response, header::UPGRADE, "websocket");
        return Err(Box::new(response));
    }
    if headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .is_none_or(|it| it != "13")
    {
        let mut response = text(
            StatusCode::UPGRADE_REQUIRED,
            "this server speaks version 13\n",
        );
        set(&mut response, header::SEC_WEBSOCKET_VERSION, "13");
        return Err(Box::new(response));
    }
    // 24 characters are 16 bytes in base64.
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let Some(key) = key.filter(|key| key.len() == 24) else {
        let response = text(
            StatusCode::BAD_REQUEST,
            "Sec-WebSocket-Key must be 16 bytes\n",
        );
        return Err(Box::new(response));
    };
    // Browsers let any page open a WebSocket to any server. They say which page it was.
    if !same_origin(headers) {
        let response = text(
            StatusCode::FORBIDDEN,
            "another site's page must not talk here\n",
        );
        return Err(Box::new(response));
    }
    let Some(open) = Open::new(chat) else {
        let mut response = text(
            StatusCode::SERVICE_UNAVAILABLE,
            "the chat is full; try later\n",
        );
        set(&mut response, header::RETRY_AFTER, "10");
        return Err(Box::new(response));
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    set(&mut response, header::CONNECTION, "upgrade");
    set(&mut response, header::UPGRADE, "websocket");
    let accept = derive_accept_key(key.as_bytes());
    set(&mut response, header::SEC_WEBSOCKET_ACCEPT, &accept);
    Ok((response, open))
}

/// Whether one of the words of this header is `word`.
fn has(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut words = values.flat_map(|value| value.split(','));
    words.any(|it| it.trim().eq_ignore_ascii_case(word))
}

/// Programs send no `Origin`, and that is no danger: nobody is logged in here, and a browser cannot
/// be made to leave it out.
fn same_origin(headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else {
        return true;
    };
    let (Ok(origin), Some(host)) = (origin.to_str(), headers.get(header::HOST)) else {
        return false;
    };
    let (Ok(origin), Ok(host)) = (origin.parse::<Uri>(), host.to_str()) else {
        return false;
    };
    let (Some(scheme), Some(from)) = (origin.scheme_str(), origin.authority()) else {
        return false;
    };
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let bare = |host: &str| {
        host.strip_suffix(usual)
            .unwrap_or(host)
            .to_ascii_lowercase()
    };
    origins.next().is_none() && bare(from.as_str()) == bare(host)
}

fn page(kind: &str, text: &'static str) -> Response {
    let mut response = content(&format!("{kind}; charset=utf-8"), text);
    // Whatever gets into the page: nothing runs and nothing is loaded but our two files.
    set(
        &mut response,
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    set(&mut response, header::REFERRER_POLICY, "no-referrer");
    response
}

fn content(kind: &str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Full::new(body.into()));
    set(&mut response, header::CONTENT_TYPE, kind);
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // Asked for again at each visit: page and server belong together.
    set(&mut response, header::CACHE_CONTROL, "no-cache");
    response
}

fn text(status: StatusCode, sentence: &'static str) -> Response {
    let mut response = content("text/plain; charset=utf-8", sentence);
    *response.status_mut() = status;
    response
}

fn not_allowed(methods: &str) -> Response {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "this cannot be done here\n");
    set(&mut response, header::ALLOW, methods);
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    // All our values are visible ASCII.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
