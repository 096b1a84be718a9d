use std::sync::{Arc, PoisonError};
use std::time::Duration;

use exercises::{Hang, check, if_it_hangs, same, seconds, took, wrong};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::{sleep, timeout};

use super::exercise::{Shop, serve};

const MINUTE: Duration = Duration::from_secs(60);

/// A client, connected through memory, that has asked for an order. It hangs up when it is dropped.
async fn client(shop: &Arc<Shop>, order: u32) -> DuplexStream {
    let (mut client, server) = duplex(4096);
    tokio::spawn(serve(server, Arc::clone(shop)));
    send(&mut client, order).await;
    client
}

async fn send(client: &mut DuplexStream, order: u32) {
    let request = format!("POST /{order} HTTP/1.1\r\nhost: shop\r\ncontent-length: 0\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
}

/// The status of the next answer.
async fn status(client: &mut DuplexStream) -> String {
    if_it_hangs(
        Hang::Blocked,
        "block-on-inside",
        "Something waits for a sleep of tokio, and not with an `.await`. It holds the thread on which \
         tokio's clock runs, which would end the sleep.",
    );
    let mut answer = Vec::new();
    let read = async {
        while !answer.ends_with(b"\r\n\r\n") {
            match client.read_buf(&mut answer).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
    };
    if timeout(MINUTE, read).await.is_err() {
        return "no answer for a minute".to_owned();
    }
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1);
    status.unwrap_or("closed without an answer").to_owned()
}

fn events(shop: &Shop) -> Vec<String> {
    let events = shop.events.lock();
    events.unwrap_or_else(PoisonError::into_inner).clone()
}

/// What has happened a minute after a client hung up, so many milliseconds after its request.
async fn hang_up(after: u64) -> Vec<String> {
    let shop = Arc::new(Shop::default());
    let client = client(&shop, 7).await;
    sleep(Duration::from_millis(after)).await;
    drop(client);
    sleep(MINUTE).await;
    events(&shop)
}

fn has(events: &[String], event: &str) -> bool {
    events.iter().any(|it| it == event)
}

#[test]
fn who_stays_has_an_order() {
    check(async {
        let shop = Arc::new(Shop::default());
        let mut client = client(&shop, 7).await;
        let (status_of_7, time) = took(status(&mut client)).await;
        let stored = has(&events(&shop), "stored 7");
        if status_of_7 == "201" && !stored {
            wrong(
                "spawned-is-as-good-as-done",
                format!(
                    "The client was told 201 after {}, and the order was not stored then.",
                    seconds(time)
                ),
            );
        }
        same("the status", status_of_7, "201");
        let wanted = ["priced 7", "charged 7", "stored 7"];
        same("what happened", events(&shop), wanted);
        same("the time", seconds(time), "3.0 s");
        // And the same client once more.
        send(&mut client, 8).await;
        same(
            "the status of a second order",
            status(&mut client).await,
            "201",
        );
        same("how much happened by then", events(&shop).len(), 6);
    });
}

#[test]
fn who_cannot_pay_has_none() {
    check(async {
        let shop = Arc::new(Shop::default());
        let mut client = client(&shop, 99).await;
        let status = status(&mut client).await;
        sleep(MINUTE).await;
        let events = events(&shop);
        if status.starts_with('2') {
            wrong(
                "spawned-is-as-good-as-done",
                format!("The client was told {status}, and then the bank declined."),
            );
        }
        if has(&events, "stored 99") {
            wrong(
                "the-other-order-is-whole",
                "The bank declined, and the order is stored all the same.",
            );
        }
        same("the status of an order that is declined", status, "402");
        same("what happened", events, ["priced 99"]);
    });
}

#[test]
fn who_hangs_up_has_both_or_nothing() {
    check(async {
        if_it_hangs(
            Hang::Blocked,
            "block-on-inside",
            "A client has hung up, and a destructor waits for a sleep of tokio. It holds the thread on \
             which tokio's clock runs, which would end the sleep.",
        );
        // At 1.0 s the bank is asked, at 1.5 s it books, at 2.0 s its answer is here, at 3.0 s the
        // order is stored. The later moments come first: they show more.
        for after in [2900, 2200, 1900, 1600, 1400, 1100] {
            let events = hang_up(after).await;
            let (charged, stored) = (has(&events, "charged 7"), has(&events, "stored 7"));
            let when = seconds(Duration::from_millis(after));
            if charged && !stored && after > 2000 {
                wrong(
                    "handlers-run-to-their-end",
                    format!(
                        "A client hung up after {when}, while its order was being stored. It has \
                         been charged, and the order was never stored: the handler went no further."
                    ),
                );
            }
            if charged && !stored {
                wrong(
                    "the-guard-may-come-later",
                    format!(
                        "A client hung up after {when}: the bank had booked, and its answer was not \
                         here yet. It has been charged, and the order was never stored."
                    ),
                );
            }
            if stored && !charged {
                wrong(
                    "the-other-order-is-whole",
                    format!("A client hung up after {when}. Its order is stored, and not charged."),
                );
            }
            let twice = events.iter().filter(|event| *event == "charged 7").count();
            same("how often it was charged", twice, usize::from(charged));
        }
    });
}

#[test]
fn who_hangs_up_before_buys_nothing() {
    check(async {
        let events = hang_up(500).await;
        if has(&events, "charged 7") {
            wrong(
                "a-task-for-all-of-it",
                "A client hung up after 0.5 s, while its price was being looked up. It has been \
                 charged.",
            );
        }
        if !events.is_empty() {
            wrong(
                "a-task-for-all-of-it",
                "A client hung up after 0.5 s, and its price was looked up to the end.",
            );
        }
    });
}
