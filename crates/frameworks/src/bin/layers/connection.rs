//! hyper on one connection.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use common::Trace as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

use crate::client::{self, get, last};

/// What all the following steps serve: `/slow` takes 0.3 seconds.
pub(crate) async fn answer(
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path();
    if path == "/slow" {
        sleep(Duration::from_millis(300)).traced("sleep(0.3)").await;
    }
    let body = format!("you asked for {path}");
    Ok(Response::new(Full::from(body)))
}

async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin) {
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(socket), service_fn(answer))
        .await;
}

pub(crate) async fn run() {
    println!("hyper: bytes become requests");
    let two = get("/milk") + &last("/bread");
    let rest = last("/milk").split_off("GET /mi".len());
    for (what, pieces) in [
        ("a request", vec![&*last("/milk")]),
        ("a request in two pieces", vec!["GET /mi", &*rest]),
        ("two requests in one piece", vec![&*two]),
        ("no HTTP", vec!["milk, please\r\n\r\n"]),
    ] {
        let (socket, server) = client::connection();
        tokio::spawn(serve(server));
        println!("  {what:<27}{}", client::send(socket, &pieces).await);
    }
}
