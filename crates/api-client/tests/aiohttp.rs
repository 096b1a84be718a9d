//! Against the real aiohttp: its server with our client, its client with our server.

#![expect(
    clippy::unwrap_used,
    reason = "a test may unwrap: its panic is its report"
)]

mod support;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;

use common::testing::python;
use support::{Run, Server, lesson, run};

/// `aiohttp_server.py`, until it is dropped.
struct AiohttpServer {
    process: Child,
    base: String,
}

impl AiohttpServer {
    fn start(python: &Path) -> Self {
        let mut process = script(python, "tests/aiohttp_server.py")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It logs the error of `/broken`.
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut base = String::new();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        out.read_line(&mut base).unwrap();
        assert!(base.starts_with("http://127.0.0.1:"), "{base:?}");
        Self {
            process,
            base: base.trim().to_owned(),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl Drop for AiohttpServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A script of this crate.
fn script(python: &Path, path: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
    command
}

fn run_script<S: AsRef<str>>(python: &Path, path: &str, arguments: &[S]) -> Run {
    let mut command = script(python, path);
    command.args(arguments.iter().map(AsRef::as_ref));
    run(command, "")
}

/// A line of the report without its time: the rest has to be the same in both languages.
fn without_time(line: &str) -> (String, String) {
    let begin = line.split(" bytes").next().unwrap();
    let url = line.split("  ").last().unwrap();
    (begin.to_owned(), url.to_owned())
}

#[test]
fn our_client_and_a_real_aiohttp_server() {
    let Some(python) = python(&["aiohttp"]) else {
        return;
    };
    let server = AiohttpServer::start(&python);
    let cases = [
        ("/slow", "200         4 bytes"),
        ("/ok", "200         5 bytes"),
        ("/missing", "404        14 bytes"),
        ("/broken", "500        "),
        ("/moved", "302        10 bytes"),
        ("/chunked", "200       100 bytes"),
        ("/big", "error  body longer than 1000000 bytes"),
    ];
    let mut arguments: Vec<String> = cases.iter().map(|(path, _)| server.url(path)).collect();
    arguments.extend(["--max-bytes".to_owned(), "1000000".to_owned()]);
    let run = lesson(&arguments);
    let lines = run.lines();
    assert_eq!(lines.len(), cases.len() + 1, "{run:?}");
    for (line, (path, begin)) in lines.iter().zip(cases) {
        assert!(line.starts_with(begin), "{line}");
        assert!(line.contains(path), "{line}");
    }
    assert!(
        lines[4].ends_with("/moved (to /ok, not followed)"),
        "{run:?}"
    );
    assert!(lines[7].starts_with("3 ok, 4 failed, "), "{run:?}");
    assert_eq!((run.code, run.err.as_str()), (1, ""));
}

#[test]
fn an_aiohttp_server_that_is_silent_is_given_up() {
    let Some(python) = python(&["aiohttp"]) else {
        return;
    };
    let server = AiohttpServer::start(&python);
    let run = lesson(&[&server.url("/silent"), "--timeout", "0.1"]);
    let line = format!("error  timed out after 0.1 s  {}", server.url("/silent"));
    assert_eq!(run.lines()[0], line);
    assert_eq!(run.code, 1);
}

#[test]
fn an_aiohttp_server_keeps_the_connection_for_the_next_request() {
    let Some(python) = python(&["aiohttp"]) else {
        return;
    };
    let server = AiohttpServer::start(&python);
    let urls = [
        server.url("/ok"),
        server.url("/chunked"),
        server.url("/big"),
    ];
    let mut arguments = urls.to_vec();
    arguments.extend(["--repeat", "3", "--one-by-one", "--quiet"].map(str::to_owned));
    let run = lesson(&arguments);
    assert!(
        run.out.starts_with("9 ok, 0 failed, 1 connection, "),
        "{run:?}"
    );
}

#[test]
fn the_twin_prints_the_same_lines() {
    let Some(python) = python(&["aiohttp"]) else {
        return;
    };
    let server = Server::start(None);
    let refused = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let urls = [
        server.url("/slow"),
        server.url("/"),
        server.url("/missing"),
        refused,
    ];
    for flag in ["--one-by-one", "--per-request-client", "--timeout=10"] {
        let mut arguments = urls.to_vec();
        arguments.push(flag.to_owned());
        let ours = lesson(&arguments);
        let theirs = run_script(&python, "api-client.py", &arguments);
        assert_eq!(ours.lines().len(), 5, "{ours:?}");
        assert_eq!(theirs.lines().len(), 5, "{theirs:?}");
        for (our, their) in ours.lines().iter().zip(theirs.lines()).take(4) {
            assert_eq!(without_time(our), without_time(their));
        }
        // `2 ok, 2 failed, 1 connection` and then times.
        let counts = |run: &Run| run.lines()[4].splitn(4, ", ").take(3).collect::<String>();
        assert_eq!(counts(&ours), counts(&theirs), "{flag}");
        assert_eq!((ours.code, theirs.code), (1, 1));
    }
}

#[test]
fn article_1_opens_a_connection_for_each_request_and_a_shared_session_does_not() {
    let Some(python) = python(&["aiohttp"]) else {
        return;
    };
    let urls = |server: &Server| vec![server.url("/"); 30];
    let server = Server::start(None);
    let run = run_script(&python, "article1.py", &urls(&server));
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(server.connections(), 30);

    let server = Server::start(None);
    let mut arguments = urls(&server);
    arguments.push("--one-by-one".to_owned());
    let run = run_script(&python, "api-client.py", &arguments);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(server.connections(), 1);
}

#[test]
fn article_3_never_has_two_requests_in_flight_and_gather_has() {
    let Some(python) = python(&["aiohttp"]) else {
        return;
    };
    let most_in_flight = |path: &str| {
        let server = Server::start(None);
        let run = run_script(&python, path, &[server.url("/slow"), server.url("/slow")]);
        assert_eq!(run.code, 0, "{run:?}");
        server.most_in_flight.load(Ordering::SeqCst)
    };
    assert_eq!(most_in_flight("article3.py"), 1);
    assert_eq!(most_in_flight("api-client.py"), 2);
}

/// In aiohttp a request that waits for one of the session's connections is already on the clock,
/// and may be given up without having been sent. Ours starts its clock when it starts.
#[test]
fn waiting_for_a_connection_counts_in_aiohttp_and_not_here() {
    let Some(python) = python(&["aiohttp"]) else {
        return;
    };
    // How many of so many requests to an endpoint that never answers get as far as the server.
    let sent = |requests: usize, run: &dyn Fn(&[String]) -> Run| {
        let server = Server::start(None);
        let mut arguments = vec![server.url("/silent"); requests];
        arguments.extend(["--concurrency", "1", "--timeout", "0.1"].map(str::to_owned));
        let run = run(&arguments);
        let timed_out = run.out.matches("error  timed out after 0.1 s").count();
        assert_eq!(timed_out, requests, "{run:?}");
        server.requests.load(Ordering::SeqCst)
    };
    let aiohttp = sent(20, &|arguments| {
        run_script(&python, "api-client.py", arguments)
    });
    assert!((1..20).contains(&aiohttp), "{aiohttp}");
    assert_eq!(sent(3, &|arguments| lesson(arguments)), 3);
}

/// What the chapter says about aiohttp's defaults.
#[test]
fn aiohttp_has_the_defaults_that_the_chapter_names() {
    let Some(python) = python(&["aiohttp"]) else {
        return;
    };
    let program = "
import aiohttp, asyncio, inspect
async def main():
    async with aiohttp.ClientSession() as session:
        print('timeout', session.timeout.total, session.timeout.sock_connect)
        print('limit', session.connector.limit, session.connector.limit_per_host)
        print('keepalive', session.connector._keepalive_timeout)
        print('raise for status', session.raise_for_status)
        print('decompress', session.auto_decompress)
        print('cookies', type(session.cookie_jar).__name__)
        request = inspect.signature(session._request).parameters
        print('redirects', request['allow_redirects'].default, request['max_redirects'].default)
asyncio.run(main())
";
    let mut command = Command::new(python);
    command.args(["-c", program]);
    let run = run(command, "");
    let expected = [
        "timeout 300 30",
        "limit 100 0",
        "keepalive 15.0",
        "raise for status False",
        "decompress True",
        "cookies CookieJar",
        "redirects True 10",
    ];
    assert_eq!(run.lines(), expected, "{run:?}");
}
