// The client is a pool of connections. It is made once and lent; the body is read to its end, which
// gives the connection back to the pool.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

pub type Error = Box<dyn std::error::Error + Send + Sync>;

type HttpClient = Client<HttpConnector, Empty<Bytes>>;

/// The status and the length of the answer.
async fn fetch(client: &HttpClient, url: Uri) -> Result<(u16, usize), Error> {
    let response = client.get(url).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, body.len()))
}

pub async fn fetch_all(urls: Vec<Uri>) -> Result<Vec<(u16, usize)>, Error> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut answers = Vec::new();
    for url in urls {
        answers.push(fetch(&client, url).await?);
    }
    Ok(answers)
}
