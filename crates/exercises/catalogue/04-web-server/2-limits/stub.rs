// A server with limits                              complete, chapter 04-web-server
//
// `serve` answers each POST with its body, on one connection. Anybody can hold the connection for
// ever with half a request, and fill the memory with a long body. Give it two limits:
//   - a client that takes longer than PATIENCE to send the head of a request is disconnected;
//   - a body of more than MAX_BODY bytes, declared or not, is answered 413.
// A client that sends one request after the other, each in time, stays connected.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

pub const PATIENCE: Duration = Duration::from_secs(5);
pub const MAX_BODY: usize = 1024;

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await;
    Ok(match body {
        Ok(body) => Response::new(Full::from(body.to_bytes())),
        Err(_) => status(StatusCode::BAD_REQUEST),
    })
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

pub async fn serve(io: impl AsyncRead + AsyncWrite + Unpin) {
    let connection = http1::Builder::new().serve_connection(TokioIo::new(io), service_fn(echo));
    // What a client does wrong is not our error.
    let _ = connection.await;
}
