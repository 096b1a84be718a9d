// One client                                             fix, chapter 05-api-client
//
// `fetch_all` asks the URLs one after the other, and opens a new connection for each. Change it so
// that all requests to the same server go over one connection.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The status and the length of the answer.
async fn fetch(url: Uri) -> Result<(u16, usize), Error> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let response = client.get(url).await?;
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
