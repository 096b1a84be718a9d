// misconception: a-service-error-is-a-response

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};

pub const LIMIT: Duration = Duration::from_secs(2);

#[derive(Default)]
pub struct Archive {
    /// How many days have been read, for all clients together.
    pub read: AtomicU32,
}

impl Archive {
    async fn sales(&self, day: u32) -> u32 {
        self.read.fetch_add(1, Relaxed);
        sleep(Duration::from_millis(300)).await;
        100 + day
    }
}

async fn report(request: Request<Incoming>, archive: &Archive) -> Response<Full<Bytes>> {
    let Ok(days) = request.uri().path().trim_start_matches('/').parse() else {
        let mut response = Response::new(Full::from("ask for a number of days"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let mut sum = 0;
    for day in 1..=days {
        sum += archive.sales(day).await;
    }
    Response::new(Full::from(sum.to_string()))
}

/// hyper sends this as a 503.
#[derive(Debug)]
struct TooSlow(StatusCode);

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: this took too long", self.0)
    }
}

impl Error for TooSlow {}

pub async fn serve(io: impl AsyncRead + AsyncWrite + Unpin, archive: Arc<Archive>) {
    let service = service_fn(async |request| {
        let response = timeout(LIMIT, report(request, &archive)).await;
        response.map_err(|_| TooSlow(StatusCode::SERVICE_UNAVAILABLE))
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(io), service);
    // A client that leaves is no error of ours.
    let _ = connection.await;
}
