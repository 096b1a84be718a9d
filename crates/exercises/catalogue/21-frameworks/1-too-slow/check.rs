use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use exercises::{check, same, seconds, took, wrong};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::duplex;
use tokio::time::{sleep, timeout};

use super::exercise::{Archive, LIMIT, serve};

const HOUR: Duration = Duration::from_secs(3600);

struct Client {
    sender: SendRequest<Empty<Bytes>>,
}

struct Answer {
    status: StatusCode,
    retry_after: Option<String>,
    closes: bool,
    body: String,
}

/// A client, connected through memory: no socket, and so on virtual time.
async fn client(archive: &Arc<Archive>) -> Client {
    let (near, far) = duplex(64 * 1024);
    tokio::spawn(serve(far, Arc::clone(archive)));
    let (sender, connection) = handshake(TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection);
    Client { sender }
}

impl Client {
    /// `None` if the connection was closed instead.
    async fn ask(&mut self, path: &str) -> Option<Answer> {
        self.sender.ready().await.ok()?;
        let request = Request::get(path).header("host", "shop");
        let request = request.body(Empty::new()).unwrap();
        let answer = timeout(HOUR, self.sender.send_request(request)).await;
        let Ok(answer) = answer else {
            panic!("A client that asked for {path} had no answer after an hour.");
        };
        let answer = answer.ok()?;
        let header = |name: &str| {
            let value = answer.headers().get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Some(Answer {
            status: answer.status(),
            retry_after: header("retry-after"),
            closes: header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")),
            body: {
                let body = answer.into_body().collect().await.ok()?;
                String::from_utf8_lossy(&body.to_bytes()).into_owned()
            },
        })
    }
}

/// What a client gets that asks for thirty days, which would take nine seconds. It has been
/// connected for half a second before.
async fn too_much(client: &mut Client) -> Answer {
    sleep(Duration::from_millis(500)).await;
    let (answer, time) = took(client.ask("/30")).await;
    let Some(answer) = answer else {
        if time < LIMIT {
            wrong(
                "a-connection-is-a-request",
                format!(
                    "A client asked for 30 days when it had been connected for 0.5 s. After {} \
                     more it was disconnected: what is limited is the connection.",
                    seconds(time)
                ),
            );
        }
        wrong(
            "a-service-error-is-a-response",
            format!(
                "A client asked for 30 days, and after {} its connection was closed without an \
                 answer: hyper got an error from the service, and no response.",
                seconds(time)
            ),
        );
    };
    if answer.status == StatusCode::OK && time > LIMIT {
        wrong(
            "a-limit-for-each-step-limits-all",
            format!(
                "A report of 30 days may take {} and took {}.",
                seconds(LIMIT),
                seconds(time)
            ),
        );
    }
    same("the status for 30 days", answer.status.as_u16(), 503);
    if time > LIMIT {
        wrong(
            "to-measure-is-to-limit",
            format!(
                "The 503 came after {}: all 30 days had been read before.",
                seconds(time)
            ),
        );
    }
    same("the time until the 503", seconds(time), seconds(LIMIT));
    answer
}

#[test]
fn a_report_in_time_is_answered() {
    check(async {
        let archive = Arc::default();
        let mut client = client(&archive).await;
        for (path, sum) in [("/1", "101"), ("/3", "306"), ("/0", "0")] {
            let Some(answer) = client.ask(path).await else {
                panic!("A client that asked for {path} was disconnected.");
            };
            same(
                format!("the status for {path}"),
                answer.status.as_u16(),
                200,
            );
            same(format!("the body for {path}"), answer.body, sum);
        }
        let Some(answer) = client.ask("/week").await else {
            panic!("A client that asked for /week was disconnected.");
        };
        same("the status for /week", answer.status.as_u16(), 404);
    });
}

#[test]
fn a_report_that_takes_too_long_is_503() {
    check(async {
        let mut client = client(&Arc::default()).await;
        let answer = too_much(&mut client).await;
        let retry_after = answer.retry_after.as_deref().unwrap_or("missing");
        same("the header Retry-After", retry_after, "1");
    });
}

#[test]
fn the_next_request_goes_over_the_same_connection() {
    check(async {
        let mut client = client(&Arc::default()).await;
        for _ in 0..2 {
            let answer = too_much(&mut client).await;
            same(
                "whether the 503 closes the connection",
                answer.closes,
                false,
            );
            let answer = client.ask("/2").await.map(|answer| answer.body);
            let answer = answer.as_deref().unwrap_or("none: it was disconnected");
            same("the answer to the request after the 503", answer, "203");
        }
    });
}

#[test]
fn nothing_is_read_for_one_who_has_his_503() {
    check(async {
        let archive = Arc::default();
        let mut client = client(&archive).await;
        too_much(&mut client).await;
        let read = archive.read.load(Relaxed);
        sleep(HOUR / 6).await;
        let later = archive.read.load(Relaxed);
        if later > read {
            wrong(
                "dropped-handle-cancels",
                format!(
                    "When the 503 was there, {read} days had been read, and later {later}: the \
                     report went on, and nobody wanted it."
                ),
            );
        }
    });
}

#[test]
fn a_client_that_goes_on_stays_connected() {
    check(async {
        let mut client = client(&Arc::default()).await;
        for number in 1..=6 {
            let answer = client.ask("/2").await.map(|answer| answer.body);
            if answer.is_none() {
                wrong(
                    "a-connection-is-a-request",
                    format!(
                        "A client that asks for two days each second was disconnected at request \
                         {number}."
                    ),
                );
            }
            same("the sales of two days", answer.unwrap_or_default(), "203");
            sleep(Duration::from_millis(400)).await;
        }
    });
}
