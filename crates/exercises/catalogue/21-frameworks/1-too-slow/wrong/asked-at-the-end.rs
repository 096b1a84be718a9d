// misconception: to-measure-is-to-limit

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep};

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

fn too_slow() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from("this took too long"));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

pub async fn serve(io: impl AsyncRead + AsyncWrite + Unpin, archive: Arc<Archive>) {
    let service = service_fn(async |request| {
        let started = Instant::now();
        let response = report(request, &archive).await;
        if started.elapsed() > LIMIT {
            return Ok(too_slow());
        }
        Ok::<_, Infallible>(response)
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(io), service);
    // A client that leaves is no error of ours.
    let _ = connection.await;
}
