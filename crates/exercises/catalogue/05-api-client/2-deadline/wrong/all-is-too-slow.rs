// misconception: every-failure-is-a-time-out

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::timeout;

pub const LIMIT: Duration = Duration::from_millis(500);

pub type HttpClient = Client<HttpConnector, Empty<Bytes>>;

#[derive(Debug, PartialEq)]
pub enum Failure {
    TooSlow,
    /// Refused, reset, or no HTTP.
    Broken,
}

pub async fn fetch(client: &HttpClient, url: Uri) -> Result<Bytes, Failure> {
    let whole = async {
        let response = client.get(url).await.ok()?;
        Some(response.into_body().collect().await.ok()?.to_bytes())
    };
    let result = timeout(LIMIT, whole).await.ok().flatten();
    result.ok_or(Failure::TooSlow)
}
