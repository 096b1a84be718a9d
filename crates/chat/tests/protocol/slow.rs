//! Who does not read, and what that costs the others: nothing.

use std::collections::BTreeSet;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::client::Client;
use crate::raw::{FIN, Frame, PING, Raw, TEXT, frame};
use crate::server::Server;

/// How much more memory a server may take while clients misbehave, in MiB.
const GROWTH: u64 = 64;

mod readers {
    use super::*;
    crate::rules![a_slow_reader_is_told_what_it_missed];
}
pub(crate) use readers::RULES;

mod senders {
    use super::*;
    crate::rules![a_sender_that_does_not_read, pings_without_end];
}
pub(crate) use senders::RULES as DEAF;

/// Eight megabytes, more than all buffers between the two programs hold. One reads them, one does
/// not until all has been said.
async fn a_slow_reader_is_told_what_it_missed(server: &Server) {
    const TEXTS: u64 = 4000;
    let before = server.memory();
    let mut slow = Client::join_with_a_small_buffer(server, "Slow", "slow").await;
    let (mut ada, _) = Client::join(server, "Ada", "slow").await;
    let (mut bob, _) = Client::join(server, "Bob", "slow").await;
    let filler = "x".repeat(1900);
    for number in 1..=TEXTS {
        ada.say(&format!("{number} {filler}")).await;
        if number % 50 == 0 {
            // Ada hears herself before she goes on, or she would be a slow reader, too.
            while ada.next_of("said").await["id"] != number {}
            for expected in number - 49..=number {
                let said = bob.next_of("said").await;
                assert_eq!(said["id"], expected, "who reads gets everything");
            }
        }
    }
    if let (Some(before), Some(after)) = (before, server.memory()) {
        assert!(
            after < before + GROWTH,
            "{before} MiB have become {after} MiB"
        );
    }
    // Something that the slow one cannot have been told one by one.
    bob.leave().await;
    ada.next_of("left").await;
    let (_eve, _) = Client::join(server, "Eve", "slow").await;
    ada.ask("the end").await;

    let mut next = 1;
    let mut missed = 0;
    let mut people = BTreeSet::from(["Slow".to_owned()]);
    let here = BTreeSet::from(["Ada", "Eve", "Slow"].map(str::to_owned));
    // The last messages may be among those that it missed, and so may be who came and went.
    while next <= TEXTS + 1 || people != here {
        let message = slow.next().await;
        let name = || message["name"].as_str().unwrap().to_owned();
        match message["type"].as_str().unwrap() {
            "said" => {
                assert_eq!(
                    message["id"], next,
                    "in order, and not what it was told to miss"
                );
                next += 1;
            }
            "missed" => {
                let [count, first, last] =
                    ["count", "first", "last"].map(|field| message[field].as_u64().unwrap());
                assert_eq!((first, count), (next, last + 1 - first), "{message}");
                missed += count;
                next = last + 1;
            }
            "people" => people = serde_json::from_value(message["people"].clone()).unwrap(),
            // Perhaps of before the list of people that it was sent: a set is right all the same.
            "joined" => _ = people.insert(name()),
            "left" => _ = people.remove(&name()),
            other => panic!("{other}"),
        }
    }
    assert!(missed > 0, "the buffers of this system hold all of it");
    // It is a reader as any other again.
    slow.say("I am back").await;
    assert_eq!(slow.next_of("said").await["text"], "I am back");
}

/// Writes this again and again and reads nothing, until the server closes or has taken 8 MiB.
async fn floods(raw: &mut Raw, frame: &Frame) {
    let bytes = frame.bytes().repeat(100);
    for _ in 0..(8 << 20) / bytes.len() {
        if raw.stream.write_all(&bytes).await.is_err() {
            break;
        }
    }
}

/// Floods, while Bob reads on and is not disturbed. Neither costs the server its memory.
async fn floods_alone(server: &Server, room: &str, frame: &Frame) {
    let before = server.memory();
    let (mut bob, _) = Client::join(server, "Bob", room).await;
    let mut raw = Raw::joined(server, "Mallory", room).await;
    let flood = async {
        floods(&mut raw, frame).await;
        drop(raw);
        let (_, welcome) = Client::join(server, "Ada", room).await;
        let people = welcome["people"].as_array().unwrap();
        assert!(people.contains(&"Bob".into()), "{welcome}");
    };
    // Until Ada has come and gone.
    let hears = async { while bob.next_of("left").await["name"] != "Ada" {} };
    tokio::join!(flood, hears);
    if let (Some(before), Some(after)) = (before, server.memory()) {
        assert!(
            after < before + GROWTH,
            "{before} MiB have become {after} MiB"
        );
    }
}

/// Its messages are answered, and it reads no answers.
async fn a_sender_that_does_not_read(server: &Server) {
    let say = json!({"type": "say", "text": "x".repeat(1900), "ref": "r".repeat(64)});
    floods_alone(server, "deaf", &frame(FIN | TEXT, say.to_string())).await;
}

async fn pings_without_end(server: &Server) {
    floods_alone(server, "pings", &frame(FIN | PING, [b'x'; 125])).await;
}
