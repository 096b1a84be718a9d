// misconception: the-head-is-the-answer

use bytes::Bytes;
use http_body_util::Empty;
use hyper::Uri;
use hyper::body::Body as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

pub type Error = Box<dyn std::error::Error + Send + Sync>;

type HttpClient = Client<HttpConnector, Empty<Bytes>>;

/// The status and the length of the answer.
async fn fetch(client: &HttpClient, url: Uri) -> Result<(u16, usize), Error> {
    let response = client.get(url).await?;
    let status = response.status().as_u16();
    let length = response.body().size_hint().lower() as usize;
    Ok((status, length))
}

pub async fn fetch_all(urls: Vec<Uri>) -> Result<Vec<(u16, usize)>, Error> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut answers = Vec::new();
    for url in urls {
        answers.push(fetch(&client, url).await?);
    }
    Ok(answers)
}
