// Two guests                                             fix, chapter 04-web-server
//
// `run` serves guests until `closing` is ready, and then returns. A guest who connects and orders
// nothing keeps everybody else waiting, and nobody can close. Mend it: each guest is served at
// once, and when `run` returns, no connection is open any more.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

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
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    serve(stream).await;
                }
            }
            () = &mut closing => return,
        }
    }
}
