//! axum: a router is a tower service, and so hyper serves it like any other.

use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::DuplexStream;
use tokio::time::sleep;

use crate::client::{self, last};

fn app() -> Router {
    Router::new()
        .route("/slow", get(slow))
        .route("/{path}", get(any))
}

async fn any(Path(path): Path<String>) -> String {
    format!("you asked for /{path}")
}

async fn slow() -> &'static str {
    sleep(Duration::from_millis(300)).await;
    "you asked for /slow"
}

async fn serve(socket: DuplexStream, app: Router) {
    let service = TowerToHyperService::new(app);
    let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
    let _ = connection.await;
}

pub(crate) async fn run() {
    println!("axum: the same connection, with a router for a service");
    let app = app();
    let post = last("/milk").replace("GET", "POST");
    for (what, request) in [
        ("a request", last("/milk")),
        ("a slow one", last("/slow")),
        ("an unknown path", last("/milk/bread")),
        ("a method that is not there", post),
    ] {
        let (socket, server) = client::connection();
        tokio::spawn(serve(server, app.clone()));
        println!("  {what:<27}{}", client::send(socket, &[&request]).await);
    }
}
