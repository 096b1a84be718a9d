// A task for each connection, and a set that owns them: it drops them when `run` returns. With
// `tokio::spawn` alone they would go on without an owner.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("soup")))
}

async fn serve(stream: TcpStream) {
    let connection =
        http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
    // A guest who leaves in the middle is no error of ours.
    let _ = connection.await;
}

pub async fn run(listener: TcpListener, closing: impl Future<Output = ()>) {
    let mut closing = std::pin::pin!(closing);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream));
                }
            }
            // Otherwise the set would keep a result for every guest there ever was.
            Some(_) = connections.join_next() => {}
            () = &mut closing => return,
        }
    }
}
