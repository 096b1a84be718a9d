//! A real HTTP service that fails as its path says, the first time that it is asked.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::sleep;

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What the server has seen and done.
#[derive(Debug, Default)]
struct Seen {
    /// By path.
    requests: HashMap<String, u32>,
    charges: u32,
    keys: HashSet<String>,
}

/// Clones are the same server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Server(Arc<Mutex<Seen>>);

impl Server {
    pub(crate) fn requests(&self, path: &str) -> u32 {
        self.seen().requests.get(path).copied().unwrap_or_default()
    }

    pub(crate) fn charges(&self) -> u32 {
        self.seen().charges
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves `listener` in a task of its own, as long as the runtime lives.
    pub(crate) fn serve(self, listener: TcpListener) {
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A connection that is dropped in the middle then ends with a reset, and not as if
                // all had been said.
                let _ = stream.set_zero_linger();
                let server = self.clone();
                tokio::spawn(async move {
                    let answer = service_fn(|request| server.answer(request));
                    // A body that breaks off is an error here. It is meant to be one.
                    let connection = http1::Builder::new();
                    let _ = connection
                        .serve_connection(TokioIo::new(stream), answer)
                        .await;
                });
            }
        });
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let path = request.uri().path().to_owned();
        let is_first = {
            let mut seen = self.seen();
            let count = seen.requests.entry(path.clone()).or_default();
            *count += 1;
            *count == 1
        };
        Ok(match path.as_str() {
            "/bad" => text(StatusCode::BAD_REQUEST, "no such thing"),
            "/breaks" if is_first => breaks_off(),
            // When the client has gone, hyper drops this future.
            "/slow" if is_first => pending().await,
            "/busy" if is_first => busy("1"),
            "/busy-until" if is_first => busy("Fri, 31 Dec 1999 23:59:59 GMT"),
            _ if path.starts_with("/charge") => {
                self.charge(&request);
                if is_first {
                    breaks_off()
                } else {
                    text(StatusCode::OK, "paid")
                }
            }
            _ => text(StatusCode::OK, "hello"),
        })
    }

    /// Charges once for each idempotency key, and each time where there is none.
    fn charge(&self, request: &Request<Incoming>) {
        let key = request.headers().get("idempotency-key");
        let key = key.and_then(|key| key.to_str().ok());
        let mut seen = self.seen();
        // With a database, keeping the key and charging are one transaction.
        if key.is_none_or(|key| seen.keys.insert(key.to_owned())) {
            seen.charges += 1;
        }
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let body = Full::new(Bytes::from_static(text.as_bytes()));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// Says 503, and when to come again.
fn busy(retry_after: &'static str) -> Response<Body> {
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, "busy");
    let value = hyper::header::HeaderValue::from_static(retry_after);
    response.headers_mut().insert(RETRY_AFTER, value);
    response
}

/// Announces ten bytes, sends three, and resets the connection.
fn breaks_off() -> Response<Body> {
    let begin = stream::iter([Ok(Frame::data(Bytes::from_static(b"hel")))]);
    let end = stream::once(async {
        // So that the three bytes are on their way before.
        sleep(Duration::from_millis(10)).await;
        Err(io::Error::other("breaks off"))
    });
    let mut response = Response::new(StreamBody::new(begin.chain(end)).boxed_unsync());
    response.headers_mut().insert(CONTENT_LENGTH, 10.into());
    response
}

/// A port that is ours and at which nobody listens yet: whoever connects is refused.
pub(crate) fn closed_port() -> io::Result<(TcpSocket, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}
