// The timer is what hyper measures the head with; `Limited` counts the bytes that really come, so
// that a body without a declared length is limited as well.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

pub const PATIENCE: Duration = Duration::from_secs(5);
pub const MAX_BODY: usize = 1024;

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = Limited::new(request.into_body(), MAX_BODY).collect().await;
    Ok(match body {
        Ok(body) => Response::new(Full::from(body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => status(StatusCode::PAYLOAD_TOO_LARGE),
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
