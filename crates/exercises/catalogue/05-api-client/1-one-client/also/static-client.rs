// One client for the whole program.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::sync::LazyLock;

pub type Error = Box<dyn std::error::Error + Send + Sync>;

static CLIENT: LazyLock<Client<HttpConnector, Empty<Bytes>>> =
    LazyLock::new(|| Client::builder(TokioExecutor::new()).build_http());

/// The status and the length of the answer.
async fn fetch(url: Uri) -> Result<(u16, usize), Error> {
    let response = CLIENT.get(url).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, body.len()))
}

pub async fn fetch_all(urls: Vec<Uri>) -> Result<Vec<(u16, usize)>, Error> {
    let mut answers = Vec::new();
    for url in urls {
        answers.push(fetch(url).await?);
    }
    Ok(answers)
}
