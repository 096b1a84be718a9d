// Too slow                                               fix, chapter 21-frameworks
//
// `GET /7` asks for the sales of the last seven days. To read a day takes 0.3 seconds, and a report
// may take LIMIT. Who asks for more is disconnected then, without an answer. Mend it: when LIMIT is
// over, a client gets 503 with `Retry-After: 1`, nothing more is read for it, and its connection
// can be used for the next request. For how long a client stays connected, there is no limit.

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
use tokio::time::error::Elapsed;
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

pub async fn serve(io: impl AsyncRead + AsyncWrite + Unpin, archive: Arc<Archive>) {
    let service = service_fn(async |request| {
        let response = timeout(LIMIT, report(request, &archive)).await?;
        Ok::<_, Elapsed>(response)
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(io), service);
    // A client that leaves is no error of ours.
    let _ = connection.await;
}
