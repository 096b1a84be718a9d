//! How long, how fast, how many.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::time::sleep;

use crate::client::Client;
use crate::raw::{CLOSE, FIN, PING, PONG, Raw, TEXT, frame, upgrade};
use crate::server::{Server, eventually};

pub(crate) use crowd::RULES as CROWD;
pub(crate) use heartbeat::RULES as HEARTBEAT;
pub(crate) use patience::RULES as PATIENCE;
pub(crate) use refill::RULES as REFILL;
pub(crate) use speed::RULES as SPEED;

/// The server waits two seconds for a head, and two for a join.
mod patience {
    use super::*;
    crate::rules![
        silence,
        half_a_head,
        a_head_byte_by_byte,
        no_join,
        pings_are_no_join,
        who_joins_may_stay
    ];

    async fn silence(server: &Server) {
        let mut raw = Raw::connect(server).await;
        assert!(raw.ends_within(Duration::from_secs(20)).await);
    }

    async fn half_a_head(server: &Server) {
        let mut raw = Raw::connect(server).await;
        raw.write(b"GET /ws HTTP/1.1\r\nHost: a\r\nX-").await;
        assert!(raw.ends_within(Duration::from_secs(20)).await);
    }

    /// Each byte is something new, and the whole never comes.
    async fn a_head_byte_by_byte(server: &Server) {
        let raw = Raw::connect(server).await;
        eventually("the server has enough", async || {
            let taken = raw.stream.try_write(b"a").is_ok();
            sleep(Duration::from_millis(30)).await;
            !taken
        })
        .await;
    }

    async fn no_join(server: &Server) {
        let mut raw = Raw::upgraded(server).await;
        assert_eq!(raw.close_code().await, Some(4002));
    }

    async fn pings_are_no_join(server: &Server) {
        let mut raw = Raw::upgraded(server).await;
        let (mut reads, mut writes) = raw.stream.split();
        let ping = frame(FIN | PING, "").bytes();
        let pings = async {
            while writes.write_all(&ping).await.is_ok() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        let mut received = Vec::new();
        let end = tokio::io::AsyncReadExt::read_to_end(&mut reads, &mut received);
        tokio::select! {
            () = pings => {}
            _ = end => {}
        }
    }

    async fn who_joins_may_stay(server: &Server) {
        let mut raw = Raw::upgraded(server).await;
        let join = json!({"type": "join", "name": "Ada", "room": "stay"}).to_string();
        raw.send(&frame(FIN | TEXT, join)).await;
        let (first, payload) = raw.frame().await.unwrap();
        if first == FIN | CLOSE {
            // On a machine that is this busy two seconds have passed before the join came.
            assert_eq!(payload[..2], 4002_u16.to_be_bytes());
            return;
        }
        sleep(Duration::from_millis(2500)).await;
        let say = json!({"type": "say", "text": "still here"}).to_string();
        raw.send(&frame(FIN | TEXT, say)).await;
        assert_eq!(raw.message().await["text"], "still here");
    }
}

/// A ping each second.
mod heartbeat {
    use super::*;
    crate::rules![
        who_answers_stays,
        any_frame_is_life,
        who_is_silent_is_gone,
        who_is_cut_off_is_gone
    ];

    async fn who_answers_stays(server: &Server) {
        let mut raw = Raw::joined(server, "Ada", "alive").await;
        for _ in 0..4 {
            let (first, payload) = raw.frame().await.unwrap();
            assert_eq!(first, FIN | PING);
            raw.send(&frame(FIN | PONG, payload)).await;
        }
        let say = json!({"type": "say", "text": "alive"}).to_string();
        raw.send(&frame(FIN | TEXT, say)).await;
        assert_eq!(raw.message().await["text"], "alive");
    }

    /// Who never answers a ping, but talks.
    async fn any_frame_is_life(server: &Server) {
        let mut raw = Raw::joined(server, "Ada", "talking").await;
        let mut pings = 0;
        while pings < 4 {
            raw.send(&frame(FIN | PONG, "")).await;
            let (first, _) = raw.frame().await.unwrap();
            assert_eq!(first, FIN | PING);
            pings += 1;
        }
    }

    async fn who_is_silent_is_gone(server: &Server) {
        let mut bob = Client::join(server, "Bob", "silent").await.0;
        let mut raw = Raw::joined(server, "Mallory", "silent").await;
        // Bob answers while he listens.
        let (code, left) = tokio::join!(raw.close_code(), bob.next_of("left"));
        assert_eq!(code, Some(4003));
        assert_eq!(left["name"], "Mallory");
    }

    /// Nothing goes over its connection any more, in either direction, and it is not closed.
    async fn who_is_cut_off_is_gone(server: &Server) {
        let mut bob = Client::join(server, "Bob", "cut-off").await.0;
        let _raw = Raw::joined(server, "Mallory", "cut-off").await;
        assert_eq!(bob.next_of("left").await["name"], "Mallory");
        eventually("the connection is no longer counted", async || {
            connections(server).await < 8
        })
        .await;
    }
}

/// A burst of 5, and then one in a hundred seconds.
mod speed {
    use super::*;
    crate::rules![
        the_sixth_is_too_fast,
        others_are_not_slowed,
        who_floods_is_gone
    ];

    async fn the_sixth_is_too_fast(server: &Server) {
        let (mut ada, _) = Client::join(server, "Ada", "fast").await;
        for number in 1..=5 {
            assert_eq!(ada.ask("hi").await["id"], number);
        }
        for _ in 0..3 {
            let refused = ada.ask("hi").await;
            assert_eq!(refused["type"], "refused");
            assert!(
                refused["reason"].as_str().unwrap().contains(' '),
                "{refused}"
            );
        }
    }

    async fn others_are_not_slowed(server: &Server) {
        let (mut ada, _) = Client::join(server, "Ada", "each").await;
        let (mut bob, _) = Client::join(server, "Bob", "each").await;
        for _ in 0..6 {
            ada.ask("hi").await;
        }
        assert_eq!(bob.ask("hi").await["type"], "accepted");
    }

    async fn who_floods_is_gone(server: &Server) {
        let (mut bob, _) = Client::join(server, "Bob", "flood").await;
        let (mut mallory, _) = Client::join(server, "Mallory", "flood").await;
        for _ in 0..1000 {
            use futures::SinkExt as _;
            let say = json!({"type": "say", "text": "flood"}).to_string();
            if mallory.socket.send(say.into()).await.is_err() {
                break;
            }
        }
        let (messages, code) = mallory.until_closed().await;
        let of = |kind| messages.iter().filter(|m| m["type"] == kind).count();
        assert_eq!(of("said"), 5);
        assert!(of("refused") >= 5, "it was told before: {}", of("refused"));
        assert_eq!(code, Some(1008));
        assert_eq!(bob.next_of("left").await["name"], "Mallory");
    }
}

/// A burst of 10, and one more each half second.
mod refill {
    use super::*;
    crate::rules![who_waits_may_speak_again];

    async fn who_waits_may_speak_again(server: &Server) {
        let (mut ada, _) = Client::join(server, "Ada", "refill").await;
        let (mut accepted, mut refused, mut refused_in_between) = (0, 0, 0);
        while accepted < 12 {
            if ada.ask("hi").await["type"] == "accepted" {
                accepted += 1;
                refused_in_between += refused;
                refused = 0;
            } else {
                refused += 1;
                assert!(refused < 19, "nothing is refilled");
                sleep(Duration::from_millis(40)).await;
            }
        }
        assert!(refused_in_between > 0, "it waited for nothing");
    }
}

/// At most two connections.
mod crowd {
    use super::*;
    crate::rules![a_third_is_one_too_many];

    async fn a_third_is_one_too_many(server: &Server) {
        let (ada, _) = Client::join(server, "Ada", "lobby").await;
        // Who has not joined counts, too.
        let _second = Raw::upgraded(server).await;
        let mut third = Raw::connect(server).await;
        third.write(upgrade(server, "").as_bytes()).await;
        let answer = third.answer().await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert_eq!(connections(server).await, 2);
        ada.leave().await;
        eventually("there is room again", async || {
            connections(server).await == 1
        })
        .await;
        Client::join(server, "Bob", "lobby").await;
    }
}

/// What `/health` says.
async fn connections(server: &Server) -> u64 {
    let mut raw = Raw::connect(server).await;
    let request = format!("GET /health HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    raw.write(request.as_bytes()).await;
    let answer = raw.answer().await;
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    body["connections"].as_u64().unwrap()
}
