// misconception: the-head-is-the-answer

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
    let response = timeout(LIMIT, client.get(url)).await;
    let response = response.map_err(|_| Failure::TooSlow)?;
    let response = response.map_err(|_| Failure::Broken)?;
    let body = response.into_body().collect().await;
    Ok(body.map_err(|_| Failure::Broken)?.to_bytes())
}
