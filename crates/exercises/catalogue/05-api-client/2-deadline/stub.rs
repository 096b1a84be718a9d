// A deadline                                             fix, chapter 05-api-client
//
// `fetch` gives the body of an answer. A server that accepts and says nothing holds it for ever,
// and so does one that sends half a body. Change it so that it fails with `Failure::TooSlow` when
// the whole answer is not there within LIMIT.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;

pub const LIMIT: Duration = Duration::from_millis(500);

pub type HttpClient = Client<HttpConnector, Empty<Bytes>>;

#[derive(Debug, PartialEq)]
pub enum Failure {
    TooSlow,
    /// Refused, reset, or no HTTP.
    Broken,
}

pub async fn fetch(client: &HttpClient, url: Uri) -> Result<Bytes, Failure> {
    let response = client.get(url).await.map_err(|_| Failure::Broken)?;
    let body = response.into_body().collect().await;
    Ok(body.map_err(|_| Failure::Broken)?.to_bytes())
}
