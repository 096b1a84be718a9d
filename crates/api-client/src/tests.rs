//! What the lesson claims, against servers in this process.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;

use http_body_util::StreamBody;
use hyper::Request;
use hyper::body::Frame;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::{Barrier, Notify, oneshot};
use tokio::time::{self, sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::*;
use crate::command_line::in_text;
use crate::endpoints::{nobody, serve, text};

/// Short enough to wait for, and only waited for where the answer never comes.
const SHORT: Duration = Duration::from_millis(50);

/// Long enough for anything that comes. Nothing waits for it in a test that passes.
const LONG: Duration = Duration::from_secs(10);

const LIMITS: Limits = Limits {
    concurrency: 100,
    timeout: LONG,
    max_bytes: 1000,
};

/// The output of a future that must not wait for ever.
async fn soon<F: Future>(future: F) -> F::Output {
    let output = timeout(2 * LONG, future).await;
    output.expect("it should have been done long ago")
}

/// Makes clients and counts their connections.
struct Clients {
    tls: ClientConfig,
    opened: Arc<AtomicUsize>,
}

impl Clients {
    fn new() -> Self {
        Self::trusting(RootCertStore::empty())
    }

    fn trusting(roots: RootCertStore) -> Self {
        Self {
            tls: connector::trusting(roots),
            opened: Arc::default(),
        }
    }

    fn client(&self) -> HttpClient {
        new_client(&self.tls, &self.opened)
    }

    fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    /// All at once through one shared client.
    async fn all<'u>(&self, urls: &[&'u str], limits: Limits) -> Vec<Outcome<'u>> {
        let shared = self.client();
        let client = || shared.clone();
        soon(fetch_all(&client, urls, limits, &ProgressBar::hidden())).await
    }

    /// One after the other through one shared client.
    async fn in_turn<'u>(&self, urls: &[&'u str], limits: Limits) -> Vec<Outcome<'u>> {
        let shared = self.client();
        let client = || shared.clone();
        soon(one_by_one(&client, urls, limits, &ProgressBar::hidden())).await
    }

    async fn one<'u>(&self, url: &'u str, limits: Limits) -> Outcome<'u> {
        soon(fetch(&self.client(), url, limits)).await
    }
}

/// The URLs of these paths at a server.
fn urls(address: SocketAddr, paths: &[&str]) -> Vec<String> {
    let url = |path: &&str| format!("http://{address}{path}");
    paths.iter().map(url).collect()
}

fn strs(urls: &[String]) -> Vec<&str> {
    urls.iter().map(String::as_str).collect()
}

/// How many requests a handler is answering, and the most it ever was.
#[derive(Clone, Default)]
struct InFlight {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

/// Counts down when it is dropped, which is when the answer is ready or the client has gone.
struct Counted(InFlight);

impl InFlight {
    fn enter(&self) -> Counted {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        Counted(self.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

fn hello() -> Response<endpoints::Body> {
    text(StatusCode::OK, "hello")
}

/// A server that answers `/first` only once `/second` has been answered.
fn second_before_first() -> SocketAddr {
    let second = Arc::new(Notify::new());
    let handler = move |request: Request<Incoming>| {
        let second = Arc::clone(&second);
        async move {
            if request.uri().path() == "/first" {
                second.notified().await;
            } else {
                second.notify_one();
            }
            Ok(hello())
        }
    };
    serve(handler).unwrap()
}

/// A server that reads one request on each connection, sends `answer` and closes.
async fn raw(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
    });
    url
}

#[tokio::test]
async fn outcomes_have_the_order_of_the_urls_and_not_of_the_answers() {
    let urls = urls(second_before_first(), &["/first", "/second"]);
    let outcomes = Clients::new().all(&strs(&urls), LIMITS).await;
    assert_eq!(outcomes[0].url, urls[0]);
    assert_eq!(outcomes[1].url, urls[1]);
    assert!(outcomes.iter().all(Outcome::is_ok));
    let at = |o: &Outcome| o.start + o.took;
    assert!(at(&outcomes[0]) >= at(&outcomes[1]), "{outcomes:?}");
}

#[tokio::test]
async fn one_by_one_never_gets_to_the_second_call_while_the_first_waits() {
    let urls = urls(second_before_first(), &["/first", "/second"]);
    let limits = Limits {
        timeout: SHORT,
        ..LIMITS
    };
    let outcomes = Clients::new().in_turn(&strs(&urls), limits).await;
    assert!(matches!(outcomes[0].result, Err(Failure::TimedOut(_))));
    assert!(outcomes[1].is_ok());
}

#[tokio::test]
async fn as_many_requests_as_allowed_are_in_flight_and_never_more() {
    let (in_flight, three) = (InFlight::default(), Arc::new(Barrier::new(3)));
    let most = Arc::clone(&in_flight.most);
    // Each answer waits until three are asked for: fewer in flight would never finish.
    let address = serve(move |_| {
        let (in_flight, three) = (in_flight.clone(), Arc::clone(&three));
        async move {
            let _counted = in_flight.enter();
            three.wait().await;
            Ok(hello())
        }
    });
    let urls = urls(address.unwrap(), &["/"; 9]);
    let limits = Limits {
        concurrency: 3,
        ..LIMITS
    };
    let outcomes = Clients::new().all(&strs(&urls), limits).await;
    assert!(outcomes.iter().all(Outcome::is_ok), "{outcomes:?}");
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_slow_first_request_holds_up_no_other() {
    let others = Arc::new(Barrier::new(2));
    let left = Arc::new(AtomicUsize::new(4));
    // The first answer waits until all four others have been asked for, with two at a time. With
    // `buffered` in place of `buffer_unordered` only one other is ever started.
    let address = serve(move |request| {
        let (others, left) = (Arc::clone(&others), Arc::clone(&left));
        async move {
            let is_last = || left.fetch_sub(1, Ordering::SeqCst) == 1;
            if request.uri().path() == "/slow" || is_last() {
                others.wait().await;
            }
            Ok(hello())
        }
    });
    let urls = urls(address.unwrap(), &["/slow", "/a", "/b", "/c", "/d"]);
    let limits = Limits {
        concurrency: 2,
        timeout: LONG,
        ..LIMITS
    };
    let outcomes = Clients::new().all(&strs(&urls), limits).await;
    assert!(outcomes.iter().all(Outcome::is_ok), "{outcomes:?}");
    assert_eq!(outcomes[0].url, urls[0]);
}

#[tokio::test]
async fn the_time_limit_ends_a_request_that_gets_no_answer() {
    let address = serve(|_| std::future::pending()).unwrap();
    let limits = Limits {
        timeout: SHORT,
        ..LIMITS
    };
    let url = format!("http://{address}/silent");
    let outcome = Clients::new().one(&url, limits).await;
    assert!(outcome.took >= SHORT);
    assert_eq!(
        outcome.to_string(),
        format!("error  timed out after 0.05 s  {url}")
    );
}

#[tokio::test]
async fn the_time_limit_covers_the_body() {
    // The head at once, then a byte every five milliseconds, for ever.
    let address = serve(async |_| {
        let bytes = stream::repeat(()).then(async |()| {
            sleep(Duration::from_millis(5)).await;
            Ok(Frame::data(Bytes::from_static(b".")))
        });
        Ok(Response::new(StreamBody::new(bytes).boxed_unsync()))
    });
    let url = format!("http://{}/", address.unwrap());
    let limits = Limits {
        timeout: SHORT,
        max_bytes: usize::MAX,
        ..LIMITS
    };
    let outcome = Clients::new().one(&url, limits).await;
    assert!(matches!(outcome.result, Err(Failure::TimedOut(_))));
}

#[tokio::test]
async fn a_request_that_is_given_up_loses_its_connection_and_its_handler() {
    let (entered, left) = (Arc::new(Notify::new()), InFlight::default());
    let still = Arc::clone(&left.now);
    let address = {
        let entered = Arc::clone(&entered);
        serve(move |request: Request<Incoming>| {
            let (entered, left) = (Arc::clone(&entered), left.clone());
            async move {
                if request.uri().path() == "/silent" {
                    let _counted = left.enter();
                    entered.notify_one();
                    std::future::pending::<()>().await;
                }
                Ok(hello())
            }
        })
    };
    let urls = urls(address.unwrap(), &["/", "/silent", "/", "/"]);
    let clients = Clients::new();
    let client = clients.client();

    assert!(fetch(&client, &urls[0], LIMITS).await.is_ok());
    {
        let given_up = fetch(&client, &urls[1], LIMITS);
        let mut given_up = pin!(given_up);
        tokio::select! {
            _ = &mut given_up => panic!("it never answers"),
            () = entered.notified() => {}
        }
        assert_eq!(still.load(Ordering::SeqCst), 1);
        assert_eq!(
            clients.opened(),
            1,
            "the second request reuses the first connection"
        );
    }
    // The server hears of it as soon as it reads the end of the connection, and hyper then drops
    // the handler.
    let gone = async {
        while still.load(Ordering::SeqCst) > 0 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    soon(gone).await;
    assert!(fetch(&client, &urls[2], LIMITS).await.is_ok());
    assert!(fetch(&client, &urls[3], LIMITS).await.is_ok());
    assert_eq!(
        clients.opened(),
        2,
        "one new connection for the lost one, then reuse"
    );
}

#[tokio::test]
async fn each_failure_is_a_line_of_its_own_and_harms_no_other() {
    let address = serve(
        async |request: Request<Incoming>| match request.uri().path() {
            "/missing" => Ok(text(StatusCode::NOT_FOUND, "not found")),
            "/broken" => Ok(text(StatusCode::INTERNAL_SERVER_ERROR, "sorry")),
            "/moved" => {
                let mut moved = text(StatusCode::MOVED_PERMANENTLY, "");
                moved.headers_mut().insert(LOCATION, "/".parse()?);
                Ok(moved)
            }
            "/hangup" => Err("hung up".into()),
            _ => Ok(hello()),
        },
    )
    .unwrap();
    let label = "a".repeat(64);
    let cases = [
        (format!("http://{address}/"), "200         5 bytes"),
        (format!("http://{address}/missing"), "404         9 bytes"),
        (format!("http://{address}/broken"), "500         5 bytes"),
        (format!("http://{address}/moved"), "301         0 bytes"),
        (
            format!("http://{address}/hangup"),
            "error  the server closed the connection without an answer",
        ),
        (
            format!("http://{}/", nobody().unwrap()),
            "error  connection refused (is the server running?)",
        ),
        (
            raw(b"SSH-2.0-OpenSSH\r\n").await,
            "error  not an HTTP/1 answer: invalid HTTP version parsed",
        ),
        (
            raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await,
            "error  the body broke off: end of file before message length reached",
        ),
        // A part of a name has at most 63 characters, so no name server is asked.
        (
            format!("http://{label}.invalid/"),
            "error  cannot find the host: ",
        ),
        (
            format!("https://{address}/"),
            "error  TLS: received corrupt message of type InvalidContentType",
        ),
        (
            "ftp://127.0.0.1/".to_owned(),
            "error  not a URL to fetch: it must begin with http:// or https://",
        ),
        (format!("http://{address}/#"), "200         5 bytes"),
    ];
    let urls: Vec<&str> = cases.iter().map(|(url, _)| url.as_str()).collect();
    let outcomes = Clients::new().all(&urls, LIMITS).await;
    assert_eq!(outcomes.len(), cases.len());
    for (outcome, (url, beginning)) in outcomes.iter().zip(&cases) {
        let line = outcome.to_string();
        assert!(line.starts_with(beginning), "{line}");
        assert!(line.contains(url.as_str()), "{line}");
        assert!(!line.contains('\n'), "{line}");
        assert_eq!(outcome.is_ok(), beginning.starts_with("200"), "{line}");
    }
    let moved = outcomes[3].to_string();
    assert!(moved.ends_with(" (to /, not followed)"), "{moved}");
}

#[tokio::test]
async fn a_body_may_be_as_long_as_the_limit_and_no_longer() {
    // With its length announced, and in chunks.
    let address = serve(async |request: Request<Incoming>| {
        let chunks = stream::iter([
            Ok(Frame::data(Bytes::from_static(b"hel"))),
            Ok(Frame::data(Bytes::from_static(b"lo"))),
        ]);
        match request.uri().path() {
            "/chunks" => Ok(Response::new(StreamBody::new(chunks).boxed_unsync())),
            _ => Ok(hello()),
        }
    })
    .unwrap();
    for path in ["/", "/chunks"] {
        let url = format!("http://{address}{path}");
        let limits = |max_bytes| Limits {
            max_bytes,
            ..LIMITS
        };
        let whole = Clients::new().one(&url, limits(5)).await;
        assert!(
            matches!(&whole.result, Ok(answer) if answer.bytes == 5),
            "{whole}"
        );
        let cut = Clients::new().one(&url, limits(4)).await;
        assert_eq!(
            cut.to_string(),
            format!("error  body longer than 4 bytes  {url}")
        );
    }
}

#[tokio::test]
async fn a_shared_client_uses_one_connection_for_calls_in_turn() {
    let urls = urls(serve(async |_| Ok(hello())).unwrap(), &["/"; 20]);
    let clients = Clients::new();
    let outcomes = clients.in_turn(&strs(&urls), LIMITS).await;
    assert!(outcomes.iter().all(Outcome::is_ok));
    assert_eq!(clients.opened(), 1);
}

#[tokio::test]
async fn a_client_for_each_request_opens_a_connection_for_each_request() {
    let urls = urls(serve(async |_| Ok(hello())).unwrap(), &["/"; 20]);
    let clients = Clients::new();
    let client = || clients.client();
    let outcomes = one_by_one(&client, &strs(&urls), LIMITS, &ProgressBar::hidden()).await;
    assert!(outcomes.iter().all(Outcome::is_ok));
    assert_eq!(clients.opened(), 20);
}

#[tokio::test]
async fn requests_at_the_same_time_need_a_connection_each_and_later_ones_reuse_them() {
    let ten = Arc::new(Barrier::new(10));
    let address = serve(move |_| {
        let ten = Arc::clone(&ten);
        async move {
            ten.wait().await;
            Ok(hello())
        }
    });
    let urls = urls(address.unwrap(), &["/"; 10]);
    let clients = Clients::new();
    let shared = clients.client();
    for _ in 0..3 {
        let outcomes = fetch_all(
            &|| shared.clone(),
            &strs(&urls),
            LIMITS,
            &ProgressBar::hidden(),
        )
        .await;
        assert!(outcomes.iter().all(Outcome::is_ok));
        assert_eq!(clients.opened(), 10);
    }
}

/// The pool gives a request whichever is there first: a connection that comes back, or a new one.
/// The one that comes too late is pooled, so the limit on requests is none on connections. A body
/// in chunks ends a moment before its connection is free.
///
/// Elsewhere one process may have too few open files for that.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn there_may_be_more_connections_than_requests_in_flight() {
    let address = serve(async |_| {
        let chunks = stream::iter([".", "."]).map(|chunk| Ok(Frame::data(Bytes::from(chunk))));
        Ok(Response::new(StreamBody::new(chunks).boxed_unsync()))
    });
    let urls = urls(address.unwrap(), &["/"; 300]);
    let clients = Clients::new();
    // 100 at a time.
    let outcomes = clients.all(&strs(&urls), LIMITS).await;
    assert!(outcomes.iter().all(Outcome::is_ok), "{outcomes:?}");
    let opened = clients.opened();
    assert!((101..=300).contains(&opened), "{opened}");
}

#[tokio::test]
async fn an_unfinished_body_costs_its_connection() {
    let address = serve(async |_| {
        let first = stream::iter([Ok(Frame::data(Bytes::from_static(b".")))]);
        let bytes = first.chain(stream::pending());
        Ok(Response::new(StreamBody::new(bytes).boxed_unsync()))
    });
    let url: hyper::Uri = format!("http://{}/", address.unwrap()).parse().unwrap();
    let clients = Clients::new();
    let client = clients.client();
    for opened in 1..=3 {
        let response = client.get(url.clone()).await.unwrap();
        drop(response);
        assert_eq!(clients.opened(), opened);
    }
}

#[tokio::test]
async fn an_unread_body_that_has_arrived_costs_nothing() {
    // Five bytes come with the head.
    let address = serve(async |_| Ok(hello())).unwrap();
    let url: hyper::Uri = format!("http://{address}/").parse().unwrap();
    let clients = Clients::new();
    let client = clients.client();
    for _ in 0..3 {
        let response = client.get(url.clone()).await.unwrap();
        drop(response);
        // The connection has a task of its own, which sees only now that nobody reads.
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(clients.opened(), 1);
}

/// A server for one request, and when its connection has been closed.
async fn closing() -> (String, oneshot::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (closed, is_closed) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer).await;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        stream.write_all(answer).await.unwrap();
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 0);
        let _ = closed.send(());
    });
    (url, is_closed)
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_15_to_30_seconds() {
    let (url, mut is_closed) = closing().await;
    let client = Clients::new().client();
    assert!(fetch(&client, &url, LIMITS).await.is_ok());

    // Only the waiting is on the paused clock, not the connection.
    time::pause();
    sleep(Duration::from_secs(14)).await;
    assert!(is_closed.try_recv().is_err(), "too early");
    sleep(Duration::from_secs(17)).await;
    time::resume();
    soon(is_closed).await.unwrap();
}

#[tokio::test]
async fn without_a_timer_an_idle_connection_stays_open() {
    let (url, mut is_closed) = closing().await;
    let client: HttpClient = Client::builder(TokioExecutor::new())
        .pool_idle_timeout(Duration::from_secs(15))
        .build(
            HttpsConnectorBuilder::new()
                .with_tls_config(Clients::new().tls)
                .https_or_http()
                .enable_http1()
                .wrap_connector(CountedTcp::new(&Arc::default())),
        );
    assert!(fetch(&client, &url, LIMITS).await.is_ok());
    time::pause();
    sleep(Duration::from_hours(1)).await;
    time::resume();
    sleep(Duration::from_millis(20)).await;
    assert!(is_closed.try_recv().is_err(), "nothing has a timer");
    drop(client);
    soon(is_closed).await.unwrap();
}

/// A server with a certificate that it has signed itself, and that certificate.
async fn tls_server() -> (String, RootCertStore) {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let signed = rcgen::generate_simple_self_signed(names).unwrap();
    let certificate = signed.cert.der().clone();
    let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let handler = service_fn(async |_| Ok::<_, Infallible>(hello()));
                let served = http1::Builder::new().serve_connection(TokioIo::new(stream), handler);
                let _ = served.await;
            });
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    (url, roots)
}

#[tokio::test]
async fn https_works_with_a_certificate_that_is_trusted() {
    let (url, roots) = tls_server().await;
    let outcome = Clients::trusting(roots).one(&url, LIMITS).await;
    assert!(outcome.is_ok(), "{outcome}");
}

#[tokio::test]
async fn https_fails_in_one_line_with_a_certificate_that_is_not() {
    let (url, _) = tls_server().await;
    let outcome = Clients::new().one(&url, LIMITS).await;
    let expected = format!("error  TLS: invalid peer certificate: UnknownIssuer  {url}");
    assert_eq!(outcome.to_string(), expected);
}

#[test]
fn what_is_not_a_url_is_said_to_be_none() {
    for (url, reason) in [
        ("", "empty string"),
        ("http:/127.0.0.1/", "invalid format"),
        ("http://", "empty string"),
        ("http://127.0.0.1/a b", "invalid uri character"),
        ("127.0.0.1:8080", "it must begin with http:// or https://"),
        ("/data1", "it must begin with http:// or https://"),
        ("htp://127.0.0.1/", "it must begin with http:// or https://"),
        (
            "http://me:secret@127.0.0.1/",
            "a user name in it is not supported",
        ),
        (
            "http://127.0.0.1:99999/",
            "its port is no number from 0 to 65535",
        ),
        (
            "http://127.0.0.1:8O80/",
            "its port is no number from 0 to 65535",
        ),
        (
            "http://[::1]:http/",
            "its port is no number from 0 to 65535",
        ),
    ] {
        match url::parse(url) {
            Err(Failure::NotAUrl(said)) => assert_eq!(said, reason, "{url}"),
            other => panic!("{url}: {other:?}"),
        }
    }
    for url in [
        "http://127.0.0.1",
        "HTTPS://[::1]:8443/a?b=c#d",
        "http://h/ü",
    ] {
        assert!(url::parse(url).is_ok(), "{url}");
    }
}

#[test]
fn rows_of_the_timeline_are_named_after_the_path() {
    assert_eq!(
        url::path_of("http://127.0.0.1:8080/data1?a=b"),
        "/data1?a=b"
    );
    assert_eq!(url::path_of("http://127.0.0.1:8080"), "/");
    assert_eq!(url::path_of("nonsense"), "nonsense");
}

#[test]
fn a_list_has_one_url_a_line() {
    let text = "\u{feff}# mine\r\nhttp://a/\r\n\r\n  http://b/#top  \n#http://c/";
    assert_eq!(in_text(text), ["http://a/", "http://b/#top"]);
}

#[tokio::test(start_paused = true)]
async fn the_report_counts_what_happened() {
    let start = Instant::now();
    let outcome = |status, millis| Outcome {
        url: "http://a/",
        start,
        took: Duration::from_millis(millis),
        result: Ok(Answer {
            status,
            bytes: 13,
            location: None,
        }),
    };
    let mut outcomes = vec![
        outcome(StatusCode::OK, 1000),
        outcome(StatusCode::NOT_FOUND, 12),
    ];
    outcomes.push(Outcome {
        result: Err(Failure::Refused),
        ..outcome(StatusCode::OK, 1)
    });
    sleep(Duration::from_millis(1040)).await;
    let report = |quiet| {
        let mut out = Vec::new();
        report::write(&mut out, &outcomes, start, 2, quiet).unwrap();
        String::from_utf8(out).unwrap()
    };
    let failures = "404        13 bytes   12 ms  http://a/\n\
                    error  connection refused (is the server running?)  http://a/\n\
                    1 ok, 2 failed, 2 connections, 1.0 s in all; \
                    first answer after 12 ms, last after 1.0 s\n";
    assert_eq!(report(true), failures);
    let all = format!("200        13 bytes   1.0 s  http://a/\n{failures}");
    assert_eq!(report(false), all);
}
