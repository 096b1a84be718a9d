//! A tower layer: a time limit around the service.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::DuplexStream;
use tower::{BoxError, Service, ServiceBuilder, service_fn};

use crate::client::{self, get, last};
use crate::connection::answer;

const LIMIT: Duration = Duration::from_millis(100);

pub(crate) async fn run() {
    println!("timeout: a limit of 0.1 s, and a request that takes 0.3 s");
    let bare = ServiceBuilder::new()
        .timeout(LIMIT)
        .service(service_fn(answer));
    show("tower's timeout", bare).await;

    let mapped = ServiceBuilder::new()
        .map_result(to_response)
        .timeout(LIMIT)
        .service(service_fn(answer));
    show("its error made a response", mapped).await;
}

/// hyper knows no answer to an error of its service: it closes the connection. So make it one.
fn to_response(
    result: Result<Response<Full<Bytes>>, BoxError>,
) -> Result<Response<Full<Bytes>>, BoxError> {
    match result {
        Err(error) if error.is::<tower::timeout::error::Elapsed>() => {
            let mut response = Response::new(Full::from("this took too long"));
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            Ok(response)
        }
        other => other,
    }
}

async fn show<S>(what: &str, service: S)
where
    S: Service<Request<Incoming>, Response = Response<Full<Bytes>>, Error = BoxError>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    let (socket, server) = client::connection();
    tokio::spawn(serve(server, service));
    let two = get("/slow") + &last("/milk");
    println!("  {what:<27}{}", client::send(socket, &[&two]).await);
}

pub(crate) async fn serve<S>(socket: DuplexStream, service: S)
where
    S: Service<Request<Incoming>, Response = Response<Full<Bytes>>, Error = BoxError> + Clone,
{
    // hyper's services take `&self` and have no `poll_ready`; tower's take `&mut self` and have one.
    let service = TowerToHyperService::new(service);
    let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
    if let Err(error) = connection.await {
        println!("  (the connection: {error})");
    }
}
