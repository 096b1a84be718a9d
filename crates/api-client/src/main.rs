//! Many API calls at once, through one shared client.
//!
//! Three endpoints answer after 1.0, 0.5 and 0.7 seconds. All three answers are there after one
//! second, and they are reported in the order of the URLs, whoever answered first.
//!
//! ```console
//! $ cargo run -p api-client
//! $ cargo run -p api-client -- --one-by-one
//! $ cargo run -p api-client -- http://127.0.0.1:8080/ --repeat 1000 --concurrency 1000 --quiet
//! ```
//!
//! In Python: one `aiohttp.ClientSession()` and
//! `await asyncio.gather(*(fetch(session, url) for url in urls))`. `api-client.py` is the whole
//! program in Python.

mod command_line;
mod connector;
mod endpoints;
mod failure;
mod report;
#[cfg(test)]
mod tests;
mod url;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use common::Trace as _;
use futures::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper::header::LOCATION;
use hyper::{Response, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use indicatif::ProgressBar;
use tokio::runtime;
use tokio::time::{Instant, timeout};
use tokio_rustls::rustls::ClientConfig;

use connector::CountedTcp;
use failure::Failure;

/// hyper-util's client with a pool of connections. Its module is called "legacy" because it is the
/// client of hyper 0.14, kept until smaller parts take its place. Until then it is the one to use.
type HttpClient = Client<HttpsConnector<CountedTcp>, Empty<Bytes>>;

/// What hyper's client does not limit by itself.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// How many requests may be under way at the same time.
    concurrency: usize,
    /// How long one request may take, from the connect to the last byte of the body.
    timeout: Duration,
    /// How long a body may be, in bytes.
    max_bytes: usize,
}

/// What one request came to.
#[derive(Debug)]
struct Outcome<'u> {
    url: &'u str,
    start: Instant,
    took: Duration,
    result: Result<Answer, Failure>,
}

/// A complete answer, whatever its status says.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    bytes: usize,
    location: Option<String>,
}

/// A client, which is a pool of connections: an empty one, that counts in `opened` what it opens.
///
/// A clone shares the pool, so a program makes one client and lends it to everybody. A new client
/// has to connect anew, as a new `aiohttp.ClientSession()` has to.
fn new_client(tls: &ClientConfig, opened: &Arc<AtomicUsize>) -> HttpClient {
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls.clone())
        .https_or_http()
        .enable_http1()
        .wrap_connector(CountedTcp::new(opened));
    Client::builder(TokioExecutor::new())
        // As long as aiohttp keeps an idle connection. Without the timer nothing would look, and
        // one that is never asked for again would stay open.
        .pool_idle_timeout(Duration::from_secs(15))
        .pool_timer(TokioTimer::new())
        .build(connector)
}

/// One GET request. It never takes longer than its time limit, and whatever goes wrong is a value
/// in its outcome, so that it cannot end the others.
///
/// Cancel safety: dropping this future gives the request up and closes its connection, which is
/// all that the time limit does, too.
async fn fetch<'u>(client: &HttpClient, url: &'u str, limits: Limits) -> Outcome<'u> {
    let start = Instant::now();
    let attempt = async {
        let response = client.get(url::parse(url)?).await?;
        read(response, limits.max_bytes).await
    };
    let attempt = attempt.traced(format_args!("fetch({})", url::path_of(url)));
    // Around the body, too: `get` is ready when the head of the answer has arrived, and a server
    // that then sends a byte a minute would hold this task for ever.
    let result = match timeout(limits.timeout, attempt).await {
        Ok(result) => result,
        Err(_elapsed) => Err(Failure::TimedOut(limits.timeout)),
    };
    Outcome {
        url,
        start,
        took: start.elapsed(),
        result,
    }
}

/// Reads the body to its end, which is what makes the connection free for the next request, and
/// counts its bytes without keeping them.
async fn read(response: Response<Incoming>, max_bytes: usize) -> Result<Answer, Failure> {
    let status = response.status();
    let location = response.headers().get(LOCATION);
    let location = location.and_then(|value| Some(value.to_str().ok()?.to_owned()));
    let mut body = Limited::new(response.into_body(), max_bytes);
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::in_body(&*error, max_bytes))?;
        bytes += frame.data_ref().map_or(0, Bytes::len);
    }
    Ok(Answer {
        status,
        bytes,
        location,
    })
}

/// All URLs, at most `limits.concurrency` of them at a time. The outcomes have the order of the
/// URLs.
async fn fetch_all<'u>(
    client: &dyn Fn() -> HttpClient,
    urls: &[&'u str],
    limits: Limits,
    progress: &ProgressBar,
) -> Vec<Outcome<'u>> {
    // An iterator of futures: each is made when there is room for it, and starts its clock then.
    let fetches = urls.iter().enumerate().map(|(place, &url)| async move {
        let outcome = fetch(&client(), url, limits).await;
        progress.inc(1);
        (place, outcome)
    });
    // `buffered` would keep the order by itself, but a finished request then holds its place until
    // all before it have finished: behind one slow server nothing new would be started.
    let mut outcomes: Vec<(usize, Outcome)> = stream::iter(fetches)
        .buffer_unordered(limits.concurrency)
        .collect()
        .await;
    outcomes.sort_by_key(|(place, _)| *place);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// The trap of `a = await fetch(…)`, `b = await fetch(…)`: one after the other, although each line
/// awaits.
async fn one_by_one<'u>(
    client: &dyn Fn() -> HttpClient,
    urls: &[&'u str],
    limits: Limits,
    progress: &ProgressBar,
) -> Vec<Outcome<'u>> {
    let mut outcomes = Vec::with_capacity(urls.len());
    for url in urls {
        outcomes.push(fetch(&client(), url, limits).await);
        progress.inc(1);
    }
    outcomes
}

impl Outcome<'_> {
    /// 404 and 500 are answers, and hyper calls none of them an error. Whoever asked does.
    fn is_ok(&self) -> bool {
        matches!(&self.result, Ok(answer) if answer.status.is_success())
    }
}

async fn run() -> ExitCode {
    let (stage, limits, mut urls) = command_line::read().await;
    if urls.is_empty() {
        urls = match endpoints::start(stage.is_on("--trouble")) {
            Ok(urls) => urls,
            Err(error) => {
                eprintln!("api-client: cannot start the endpoints on 127.0.0.1: {error}");
                return ExitCode::FAILURE;
            }
        };
    }
    let urls = command_line::repeated(&stage, &urls);

    // One pool for all requests, or a new pool for each: nothing else differs.
    let tls = connector::tls(&urls);
    let opened = Arc::new(AtomicUsize::new(0));
    let shared = new_client(&tls, &opened);
    let client: &dyn Fn() -> HttpClient = if stage.is_on("--per-request-client") {
        &|| new_client(&tls, &opened)
    } else {
        &|| shared.clone()
    };

    let progress = report::progress_bar(urls.len());
    let start = Instant::now();
    let outcomes = if stage.is_on("--one-by-one") {
        one_by_one(client, &urls, limits, &progress).await
    } else {
        fetch_all(client, &urls, limits, &progress).await
    };
    progress.finish_and_clear();

    let opened = opened.load(Ordering::Relaxed);
    if let Err(error) = report::print(&outcomes, start, opened, stage.is_on("--quiet")) {
        eprintln!("api-client: cannot write the report: {error}");
        return ExitCode::FAILURE;
    }
    let drawn = stage.finish();
    if outcomes.iter().all(Outcome::is_ok) {
        drawn
    } else {
        ExitCode::FAILURE
    }
}

/// One thread, as `#[tokio::main(flavor = "current_thread")]` would make it. That macro ends by
/// dropping the runtime, which waits for name lookups: these are blocking calls on threads of
/// their own, which nothing can cancel. A request whose time is up would still hold the program.
fn main() -> ExitCode {
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("api-client: cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(run());
    runtime.shutdown_background();
    code
}
