//! What a room promises: one order for everyone, nothing lost, and nobody waits for the slow.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::expect_used, reason = "a test may panic")]

mod client;

use std::time::Duration;

use chat::Options;
use chat::protocol::{ClientMessage, ServerMessage, close};
use futures::SinkExt as _;
use futures::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, Closed, Running, join_message, joined, left};

fn unlimited() -> Options {
    Options {
        burst: 0,
        // Nobody here waits for a farewell.
        grace: Duration::from_millis(100),
        ..Options::default()
    }
}

/// Asks `/health`: connections and rooms.
async fn health(server: &Running) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = b"GET /health HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.rsplit("\r\n").next().unwrap().to_owned()
}

/// Asks until it is so. What happens when a connection ends happens a moment later.
async fn until_health(server: &Running, expected: &str) {
    for _ in 0..1000 {
        if health(server).await == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} and not {expected}", health(server).await);
}

#[tokio::test]
async fn everyone_sees_the_same_order_without_gaps() {
    let server = Running::start(unlimited()).await;
    let names: Vec<_> = (0..8).map(|number| format!("reader {number}")).collect();
    let mut clients = Vec::new();
    for name in &names {
        clients.push(Client::join(server.address, name, "lobby").await);
    }
    // All talk and all listen at the same time.
    let seen = join_all(clients.into_iter().map(async |mut client| {
        let mut seen = Vec::new();
        for number in 0..200 {
            client.say(&number.to_string()).await;
            if number % 4 == 3 {
                seen.push(client.hears().await);
            }
        }
        while seen.len() < 8 * 200 {
            seen.push(client.hears().await);
        }
        (client, seen)
    }))
    .await;
    let (_, first) = &seen[0];
    for (position, said) in first.iter().enumerate() {
        assert_eq!(said.id, position as u64 + 1);
    }
    for name in &names {
        let texts = first.iter().filter(|said| said.name == *name);
        let texts: Vec<u32> = texts.map(|said| said.text.parse().unwrap()).collect();
        assert_eq!(
            texts,
            (0..200).collect::<Vec<_>>(),
            "{name} said it in this order"
        );
    }
    for (_, others) in &seen {
        assert_eq!(others, first);
    }
    drop(seen);
    server.stop().await;
}

#[tokio::test]
async fn a_flood_is_delivered_whole_to_all_who_read() {
    let server = Running::start(unlimited()).await;
    let mut clients = Vec::new();
    for number in 0..40 {
        clients.push(Client::join(server.address, &format!("client {number}"), "lobby").await);
    }
    // Several times what a ring holds, all of it there before anybody has read anything: those who
    // could say more have to wait for those who are about to read.
    join_all(clients.iter_mut().map(async |client| {
        for number in 0..100 {
            let say = format!("{{\"type\":\"say\",\"text\":\"{number}\"}}");
            client.socket.feed(say.into()).await.unwrap();
        }
        client.socket.flush().await.unwrap();
    }))
    .await;
    join_all(clients.iter_mut().map(async |client| {
        for id in 1..=40 * 100 {
            assert_eq!(client.hears().await.id, id);
        }
    }))
    .await;
    server.stop().await;
}

#[tokio::test]
async fn a_slow_reader_is_told_what_it_missed_and_slows_nobody() {
    let server = Running::start_narrow(unlimited()).await;
    let mut slow = Client::join_narrow(server.address, "slow", "lobby").await;
    let mut quick = Client::join(server.address, "quick", "lobby").await;
    let text = "x".repeat(1000);
    // It reads nothing while far more is said than there is room for anywhere.
    for number in 1..=4000 {
        quick.say(&text).await;
        assert_eq!(quick.hears().await.id, number);
    }
    // Answers to pings, and what the room says, must not be mixed up on the way to one who reads late.
    for _ in 0..20 {
        slow.socket.send(Message::Ping("?".into())).await.unwrap();
    }
    Client::join(server.address, "passing", "lobby")
        .await
        .leave()
        .await;
    quick.sees(&left("passing")).await;

    let (mut last, mut told) = (0, 0);
    let mut repaired = false;
    while last < 4000 {
        match slow.next().await {
            ServerMessage::Said(said) => {
                assert_eq!(said.id, last + 1, "no gap that it is not told of");
                last = said.id;
                if last % 16 == 0 {
                    slow.socket.send(Message::Ping("?".into())).await.unwrap();
                }
            }
            ServerMessage::Missed {
                count,
                first,
                last: end,
            } => {
                assert_eq!(first, last + 1);
                assert_eq!(count, end - first + 1);
                (last, told, repaired) = (end, told + count, false);
            }
            ServerMessage::People { people } => {
                assert!(people.contains(&"quick".to_owned()), "{people:?}");
                repaired = true;
            }
            ServerMessage::Joined { .. } | ServerMessage::Left { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(told > 1000, "only {told} were missed");
    assert!(repaired, "who was here was not told after the gap");
    // It is as good as the others again.
    quick.say("after").await;
    assert_eq!(slow.hears().await.text, "after");
    server.stop().await;
}

#[tokio::test]
async fn a_dead_peer_is_found_by_the_heartbeat() {
    let options = Options {
        heartbeat: Duration::from_millis(200),
        ..unlimited()
    };
    let server = Running::start(options).await;
    // It stands, and nobody is behind it: no read fails, and nothing is said, so no write does either.
    let mut dead = Client::join(server.address, "dead", "lobby").await;
    let mut bob = Client::join(server.address, "Bob", "lobby").await;
    // Who listens answers pings meanwhile, and stays.
    bob.sees(&left("dead")).await;
    bob.say("still here").await;
    assert_eq!(bob.hears().await.text, "still here");
    let Closed(code, _) = dead.closed().await.expect("it is told why");
    assert_eq!(code, close::NO_PONG);
    bob.leave().await;
    until_health(&server, r#"{"connections":0,"rooms":0}"#).await;
    server.stop().await;
}

#[tokio::test]
async fn who_never_reads_is_given_up_and_leaves() {
    let options = Options {
        heartbeat: Duration::from_millis(200),
        ..unlimited()
    };
    let server = Running::start_narrow(options).await;
    let deaf = Client::join_narrow(server.address, "deaf", "lobby").await;
    let mut quick = Client::join(server.address, "quick", "lobby").await;
    let text = "x".repeat(1000);
    // More than all buffers on the way to it can hold.
    for _ in 0..2000 {
        quick.say(&text).await;
    }
    quick.sees(&left("deaf")).await;
    quick.leave().await;
    until_health(&server, r#"{"connections":0,"rooms":0}"#).await;
    drop(deaf);
    server.stop().await;
}

#[tokio::test]
async fn a_slow_reader_that_goes_on_reading_is_not_given_up() {
    let options = Options {
        heartbeat: Duration::from_millis(300),
        ..unlimited()
    };
    let server = Running::start_narrow(options).await;
    let mut slow = Client::join_narrow(server.address, "slow", "lobby").await;
    let mut quick = Client::join(server.address, "quick", "lobby").await;
    let text = "x".repeat(1000);
    for _ in 0..100 {
        quick.say(&text).await;
        quick.hears().await;
    }
    // Pings wait behind the 64 frames that it is given at a time, which is longer than two
    // heartbeats. But it goes on reading, and that counts.
    let mut last = 0;
    let reads = async {
        while last < 100 {
            match slow.next().await {
                ServerMessage::Said(said) => last = said.id,
                ServerMessage::Missed { last: end, .. } => last = end,
                _ => {}
            }
            tokio::time::sleep(Duration::from_millis(18)).await;
        }
    };
    let listens = async { while quick.try_next().await.is_ok() {} };
    tokio::select! {
        () = reads => {}
        () = listens => panic!("quick was closed"),
    }
    server.stop().await;
}

#[tokio::test]
async fn names_are_unique_in_a_room_whatever_their_case() {
    let server = Running::start(unlimited()).await;
    let mut ada = Client::join(server.address, " Ada ", "lobby").await;
    assert_eq!(ada.people, ["Ada"]);
    let taken = Client::try_join(server.address, join_message("ADA", "lobby")).await;
    assert_eq!(taken.err().unwrap().0, close::NAME_TAKEN);
    let other = Client::join(server.address, "ada", "elsewhere").await;
    assert_eq!(other.people, ["ada"]);
    // Nobody in the lobby has heard of either.
    let bob = Client::join(server.address, "Bob", "lobby").await;
    assert_eq!(bob.people, ["Ada", "Bob"]);
    assert_eq!(ada.next().await, joined("Bob"));
    bob.leave().await;
    assert_eq!(ada.next().await, left("Bob"));
    ada.leave().await;
    let again = Client::join(server.address, "ADA", "lobby").await;
    assert_eq!(again.people, ["ADA"]);
    server.stop().await;
}

#[tokio::test]
async fn who_comes_back_gets_what_was_said_meanwhile() {
    let options = Options {
        history: 5,
        ..unlimited()
    };
    let server = Running::start(options).await;
    let mut ada = Client::join(server.address, "Ada", "lobby").await;
    let epoch = ada.epoch.clone();
    for number in 1..=10 {
        ada.say(&number.to_string()).await;
        ada.hears().await;
    }
    let back = async |after, of: &str| {
        let (name, room) = ("Bob".to_owned(), "lobby".to_owned());
        let of = Some(of.to_owned());
        let join = ClientMessage::Join {
            name,
            room,
            after: Some(after),
            of,
        };
        let bob = Client::try_join(server.address, join).await.unwrap();
        let ids: Vec<_> = bob.history.iter().map(|said| said.id).collect();
        let missed = bob.missed;
        bob.leave().await;
        (ids, missed)
    };
    assert_eq!(back(7, &epoch).await, (vec![8, 9, 10], 0));
    assert_eq!(back(10, &epoch).await, (vec![], 0));
    assert_eq!(back(2, &epoch).await, (vec![6, 7, 8, 9, 10], 3));
    // Of another time: all that there is.
    assert_eq!(back(7, "another").await, (vec![6, 7, 8, 9, 10], 0));
    // From a future that this room has not had.
    assert_eq!(back(99, &epoch).await, (vec![6, 7, 8, 9, 10], 0));
    server.stop().await;
}

#[tokio::test]
async fn a_room_remembers_who_was_alone_in_it() {
    let server = Running::start(unlimited()).await;
    let mut ada = Client::join(server.address, "Ada", "attic").await;
    ada.say("hello?").await;
    ada.hears().await;
    let epoch = ada.epoch.clone();
    ada.leave().await;
    until_health(&server, r#"{"connections":0,"rooms":0}"#).await;
    let ada = Client::join(server.address, "Ada", "attic").await;
    assert_eq!((ada.epoch.as_str(), ada.history.len()), (epoch.as_str(), 1));
    ada.leave().await;
    // But not for ever: a thousand other rooms were used since.
    for number in 0..1001 {
        let mut other = Client::join(server.address, "Eve", &format!("room-{number}")).await;
        other.say("x").await;
        other.hears().await;
        other.leave().await;
    }
    until_health(&server, r#"{"connections":0,"rooms":0}"#).await;
    let ada = Client::join(server.address, "Ada", "attic").await;
    assert!(ada.epoch != epoch && ada.history.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_tells_everyone() {
    let server = Running::start_narrow(unlimited()).await;
    let mut ada = Client::join(server.address, "Ada", "lobby").await;
    // Whoever stays silent is told, or not, and cannot hold it up.
    let _deaf = Client::join_narrow(server.address, "deaf", "lobby").await;
    let _silent = TcpStream::connect(server.address).await.unwrap();
    let stopping = tokio::spawn(server.stop());
    let closing = ServerMessage::Closing {
        reason: "the server stops".to_owned(),
    };
    ada.sees(&closing).await;
    let closed = Closed(close::GOING_AWAY, "the server stops".to_owned());
    assert_eq!(ada.closed().await, Some(closed));
    stopping.await.unwrap();
}
