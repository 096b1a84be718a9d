//! A server for the tests that run whole programs, and the programs run.

#![allow(dead_code, reason = "each test file uses its part")]

use std::convert::Infallible;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A server on a thread of its own, which ends with the process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Connections that were accepted.
    pub(crate) connections: Arc<AtomicUsize>,
    /// Requests that arrived.
    pub(crate) requests: Arc<AtomicUsize>,
    /// The most requests that were answered at the same time.
    pub(crate) most_in_flight: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Starts it; over TLS if there is an acceptor.
    pub(crate) fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            requests: Arc::default(),
            most_in_flight: Arc::default(),
        };
        let connections = Arc::clone(&server.connections);
        let flow = Flow {
            requests: Arc::clone(&server.requests),
            most: Arc::clone(&server.most_in_flight),
            now: Arc::default(),
        };
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    connections.fetch_add(1, Ordering::SeqCst);
                    let flow = flow.clone();
                    match tls.clone() {
                        None => {
                            tokio::spawn(serve(TokioIo::new(stream), flow));
                        }
                        Some(tls) => {
                            tokio::spawn(async move {
                                if let Ok(stream) = tls.accept(stream).await {
                                    serve(TokioIo::new(stream), flow).await;
                                }
                            });
                        }
                    }
                }
            });
        });
        server
    }
}

/// What the handlers count together.
#[derive(Clone)]
struct Flow {
    requests: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    now: Arc<AtomicUsize>,
}

async fn serve<S>(stream: S, flow: Flow)
where
    S: Read + Write + Unpin,
{
    let handler = service_fn(|request: Request<Incoming>| {
        let flow = flow.clone();
        async move {
            flow.requests.fetch_add(1, Ordering::SeqCst);
            let now = flow.now.fetch_add(1, Ordering::SeqCst) + 1;
            flow.most.fetch_max(now, Ordering::SeqCst);
            let (status, body) = match request.uri().path() {
                "/slow" => {
                    // Long enough for others to arrive meanwhile.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    (StatusCode::OK, "slow")
                }
                "/silent" => std::future::pending().await,
                "/missing" => (StatusCode::NOT_FOUND, "not found"),
                _ => (StatusCode::OK, "hello"),
            };
            flow.now.fetch_sub(1, Ordering::SeqCst);
            let mut response = Response::new(Full::<Bytes>::from(body));
            *response.status_mut() = status;
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new().serve_connection(stream, handler);
    let _ = connection.await;
}

/// What a program printed and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: i32,
}

impl Run {
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.out.lines().collect()
    }
}

/// The lesson with these arguments.
pub(crate) fn lesson<S: AsRef<str>>(arguments: &[S]) -> Run {
    run(command(arguments), "")
}

pub(crate) fn command<S: AsRef<str>>(arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_api-client"));
    command.args(arguments.iter().map(AsRef::as_ref));
    command
}

/// Runs `command` with `input` as its standard input, and ends it if it does not end by itself.
pub(crate) fn run(mut command: Command, input: &str) -> Run {
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that does not read its input may be gone by now.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let out = all_of(child.stdout.take().unwrap());
    let err = all_of(child.stderr.take().unwrap());
    let deadline = Instant::now() + Duration::from_mins(1);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("still running: {command:?}");
        }
        thread::sleep(Duration::from_millis(2));
    };
    Run {
        out: out.join().unwrap(),
        err: err.join().unwrap(),
        code: status.code().unwrap(),
    }
}

fn all_of(mut stream: impl std::io::Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    })
}
