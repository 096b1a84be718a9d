//! Endpoints of our own, so that the lesson needs no internet.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::LOCATION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpSocket;
use tokio::time::sleep;

pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;
type Answered = Result<Response<Body>, Box<dyn Error + Send + Sync>>;

/// The well-behaved ones, with the time that each takes to answer. The sum is 2.2 s.
const DATA: [(&str, Duration); 3] = [
    ("/data1", Duration::from_secs(1)),
    ("/data2", Duration::from_millis(500)),
    ("/data3", Duration::from_millis(700)),
];

/// The others. Each is one way to fail.
const TROUBLE: [&str; 7] = [
    "/missing", "/broken", "/moved", "/silent", "/dribble", "/endless", "/hangup",
];

static BLOCK: &[u8] = &[b'x'; 8 * 1024];

/// Starts a server on a free port and returns the URLs of its endpoints: the three that behave, or
/// one of them and those that do not.
///
/// # Errors
///
/// If no port of 127.0.0.1 can be listened on.
pub(crate) fn start(trouble: bool) -> io::Result<Vec<String>> {
    let address = serve(answer)?;
    if !trouble {
        let urls = DATA.map(|(path, _)| format!("http://{address}{path}"));
        return Ok(urls.to_vec());
    }
    let mut urls = vec![format!("http://{address}{}", DATA[0].0)];
    urls.extend(TROUBLE.map(|path| format!("http://{address}{path}")));
    urls.push(format!("https://{address}/"));
    urls.push(format!("http://{}/", nobody()?));
    urls.push("http://no..such..host/".to_owned());
    urls.push("http:/one-slash-is-missing".to_owned());
    Ok(urls)
}

/// An address at which nobody listens: of a listener that is closed again.
pub(crate) fn nobody() -> io::Result<SocketAddr> {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Serves `handler` on a free port until the runtime ends. Chapter 4 is about servers; this one has
/// only what a client needs to have something to talk to.
///
/// # Errors
///
/// If no port of 127.0.0.1 can be listened on.
pub(crate) fn serve<H, F>(handler: H) -> io::Result<SocketAddr>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Answered> + Send + 'static,
{
    // `TcpListener::bind` lets too few connections queue for a client that opens hundreds at once.
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let listener = socket.listen(4096)?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of sockets, most likely. Trying again at once would take the whole thread.
                sleep(Duration::from_millis(10)).await;
                continue;
            };
            let handler = service_fn(handler.clone());
            // How a connection ended concerns the client, which reports it.
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), handler));
        }
    });
    Ok(address)
}

async fn answer(request: Request<Incoming>) -> Answered {
    let path = request.uri().path();
    if let Some((_, wait)) = DATA.iter().find(|(data, _)| *data == path) {
        sleep(*wait).await;
        return Ok(text(StatusCode::OK, r#"{"data": 123}"#));
    }
    match path {
        "/broken" => Ok(text(StatusCode::INTERNAL_SERVER_ERROR, "sorry")),
        "/moved" => {
            let mut moved = text(StatusCode::FOUND, "");
            moved.headers_mut().insert(LOCATION, "/data2".parse()?);
            Ok(moved)
        }
        // Takes the request and never answers.
        "/silent" => std::future::pending().await,
        // The head at once, then a byte every tenth of a second, for three seconds.
        "/dribble" => {
            let bytes = stream::iter(0..30).then(async |_| {
                sleep(Duration::from_millis(100)).await;
                Ok(Frame::data(Bytes::from_static(b".")))
            });
            Ok(Response::new(StreamBody::new(bytes).boxed_unsync()))
        }
        // More than anybody wants.
        "/endless" => {
            let blocks = stream::repeat(BLOCK).map(|block| Ok(Frame::data(block.into())));
            Ok(Response::new(StreamBody::new(blocks).boxed_unsync()))
        }
        // An error of the service makes hyper close the connection.
        "/hangup" => Err("hung up".into()),
        _ => Ok(text(StatusCode::NOT_FOUND, "not found")),
    }
}

/// An answer whose length is known in advance.
pub(crate) fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Full::from(text).boxed_unsync());
    *response.status_mut() = status;
    response
}
