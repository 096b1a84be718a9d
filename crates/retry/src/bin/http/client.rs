//! One attempt: a request, its whole answer, and what its errors mean.

use std::error::Error;
use std::io;
use std::iter;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use retry::{Cause, Failure};

pub(crate) type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// What is sent, and sent again.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    /// One for all attempts. A new one for each attempt would be worth nothing.
    pub(crate) key: Option<&'static str>,
}

impl Call {
    /// The body of an answer that says that it worked.
    pub(crate) async fn send(self, client: HttpClient) -> Result<Bytes, Failure> {
        // Built anew in each attempt, because sending a request uses it up.
        let mut request = Request::new(Full::default());
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        if let Some(key) = self.key {
            let key = HeaderValue::from_static(key);
            request.headers_mut().insert("idempotency-key", key);
        }

        let response = client.request(request).await.map_err(broken)?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).map(pause);
        // The body of an error is read as well: only then can the connection be used again. And
        // an answer that breaks off is no answer, whatever its head said.
        let body = response.into_body().collect().await.map_err(broken)?;
        if status.is_success() {
            return Ok(body.to_bytes());
        }
        Err(Failure::new(Cause::Answered(status)).after(retry_after.unwrap_or_default()))
    }
}

/// The pause that a header `Retry-After` asks for.
///
/// It may also name a date. To turn that into a pause, this clock and the server's have to agree;
/// here it is not followed, and said so, and the backoff decides alone. The crate `httpdate` reads
/// such dates.
fn pause(value: &HeaderValue) -> Duration {
    let text = value.to_str().unwrap_or_default();
    if let Ok(seconds) = text.parse() {
        return Duration::from_secs(seconds);
    }
    tracing::warn!(retry_after = text, "not a number of seconds, not followed");
    Duration::ZERO
}

/// There is no answer, or half of one. Whether anything was sent, the errors below tell.
fn broken(error: impl Error + Send + Sync + 'static) -> Failure {
    let refused = iter::successors(Some(&error as &(dyn Error + 'static)), |&error| {
        error.source()
    })
    .filter_map(|error| error.downcast_ref::<io::Error>())
    .any(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    let cause = if refused {
        Cause::Refused
    } else {
        Cause::Reset
    };
    Failure::new(cause).caused_by(error)
}
