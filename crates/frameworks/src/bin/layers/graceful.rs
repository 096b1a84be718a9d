//! A connection that is asked to end.

use std::pin::pin;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

use crate::client::{self, get};
use crate::connection::answer;

/// Serves until 0.1 seconds have passed.
async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin, politely: bool) {
    let connection =
        http1::Builder::new().serve_connection(TokioIo::new(socket), service_fn(answer));
    let mut connection = pin!(connection);
    tokio::select! {
        _ = &mut connection => return,
        () = sleep(Duration::from_millis(100)) => {} // stands for Ctrl-C
    }
    if politely {
        // No further request; then go on until what is in flight has been answered.
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

pub(crate) async fn run() {
    println!("graceful: stopped after 0.1 s, with a request in flight that takes 0.3 s");
    for (what, politely) in [("dropped", false), ("graceful_shutdown", true)] {
        let (socket, server) = client::connection();
        tokio::spawn(serve(server, politely));
        // The second request is never answered: by then the connection has ended.
        let two = get("/slow") + &get("/milk");
        println!("  {what:<27}{}", client::send(socket, &[&two]).await);
    }
}
