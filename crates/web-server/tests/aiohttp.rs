//! aiohttp's client against the Rust server: it must see what it would see of an aiohttp server.

use std::future::pending;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::Response;
use tokio::sync::Barrier;
use web_server::{Limits, Options, bind, run, server};

const SEEN: &str = "\
GET / 200 text/plain {'Content-Length': '13', 'Allow': None} Hello, world!
HEAD / 200 text/plain {'Content-Length': '13', 'Allow': None}
GET /nope 404 text/plain {'Content-Length': '14', 'Allow': None} 404: Not Found
POST / 405 text/plain {'Content-Length': '23', 'Allow': 'GET,HEAD'} 405: Method Not Allowed
GET /echo 405 text/plain {'Content-Length': '23', 'Allow': 'POST'} 405: Method Not Allowed
connections: 1
POST /echo 0 bytes: 200 0
POST /echo 5 bytes: 200 5
POST /echo 65536 bytes: 200 65536
POST /echo 65537 bytes: 413 22
POST /echo 10000000 bytes: 413 22
POST /echo 10 chunks: 200 10000
POST /echo 10000 chunks: 413 22
together: 100
";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_aiohttp_sees_an_ordinary_server() {
    let Some(python) = common::testing::python(&["aiohttp"]) else {
        return;
    };
    let lesson = bind(0).unwrap();
    let meeting = bind(0).unwrap();
    let addresses = [&lesson, &meeting].map(|l| format!("http://{}", l.local_addr().unwrap()));

    let options = Options {
        delay: Duration::ZERO,
        ..Options::default()
    };
    tokio::spawn(run(lesson, options, pending()));
    let barrier = Arc::new(Barrier::new(100));
    let meet = move |_| {
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            Response::new(Full::from("met"))
        }
    };
    tokio::spawn(server::serve(meeting, Limits::default(), meet, pending()));

    let client = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/aiohttp_client.py");
    let mut command = Command::new(python);
    command.arg(client).args(addresses);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    let seen = String::from_utf8(output.stdout).unwrap();
    let trimmed: Vec<_> = seen.lines().map(str::trim_end).collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(trimmed.join("\n") + "\n", SEEN, "{errors}");
    assert!(output.status.success(), "{errors}");
}
