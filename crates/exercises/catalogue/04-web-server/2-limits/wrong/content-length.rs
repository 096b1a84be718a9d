// misconception: declared-length-is-the-length

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_LENGTH;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

pub const PATIENCE: Duration = Duration::from_secs(5);
pub const MAX_BODY: usize = 1024;

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let declared = request.headers().get(CONTENT_LENGTH);
    let declared = declared.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > MAX_BODY) {
        return Ok(status(StatusCode::PAYLOAD_TOO_LARGE));
    }
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
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(io), service_fn(echo));
    // What a client does wrong is not our error.
    let _ = connection.await;
}
