//! Rooms that several servers share, and what happens when a server or Redis goes away.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::expect_used, reason = "a test may panic")]

#[path = "../rooms/client.rs"]
mod client;
mod programs;
mod proxy;

use std::process::Command;
use std::time::Duration;

use chat::Options;
use chat::protocol::{ClientMessage, ServerMessage, close};
use tokio::time::sleep;

use crate::client::{Client, NotSaid, Running, join_message, joined, left};
use crate::programs::{Redis, chat};
use crate::proxy::Proxy;

fn options(redis: &str) -> Options {
    Options {
        redis: Some(redis.to_owned()),
        burst: 0,
        // Nobody here waits for a farewell.
        grace: Duration::from_millis(100),
        ..Options::default()
    }
}

/// Says it until it is accepted: the id. Each refusal must be one that says what is wrong.
async fn insist(client: &mut Client, text: &str, others: &mut Vec<ServerMessage>) -> u64 {
    for _ in 0..1000 {
        match client.ask(text, others).await {
            Ok(id) => return id,
            Err(NotSaid::Refused(reason)) => assert!(reason.contains("Redis"), "{reason}"),
            Err(closed) => panic!("{closed:?}"),
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("still refused");
}

#[tokio::test]
async fn two_servers_are_one_room() {
    let Some(redis) = Redis::start() else { return };
    let one = Running::start(options(&redis.url())).await;
    let two = Running::start(options(&redis.url())).await;
    let mut ada = Client::join(one.address, "Ada", "lobby").await;
    let mut bob = Client::join(two.address, "Bob \u{e9}", "lobby").await;
    assert_eq!(bob.people, ["Ada", "Bob \u{e9}"]);
    assert_eq!(ada.next().await, joined("Bob \u{e9}"));
    let taken = Client::try_join(two.address, join_message("ADA", "lobby")).await;
    assert_eq!(taken.err().unwrap().0, close::NAME_TAKEN);

    // Both talk at the same time; both see one order.
    let talk = async |client: &mut Client| {
        let mut seen = Vec::new();
        for number in 0..100 {
            client.say(&number.to_string()).await;
        }
        while seen.len() < 200 {
            seen.push(client.hears().await);
        }
        seen
    };
    let (seen, also) = tokio::join!(talk(&mut ada), talk(&mut bob));
    assert_eq!(seen, also);
    assert!((1..=200).eq(seen.iter().map(|said| said.id)));
    for name in ["Ada", "Bob \u{e9}"] {
        let own = seen.iter().filter(|said| said.name == name);
        assert!((0..100).eq(own.map(|said| said.text.parse::<u32>().unwrap())));
    }
    // What is text stays text on the way through a script.
    let odd = "\"]}\\ \n\t <b> 🦀 \u{2028} %s ${x} {{";
    ada.say(odd).await;
    assert_eq!(bob.hears().await.text, odd);

    // A newcomer at either gets the same past.
    let eve = Client::join(two.address, "Eve", "lobby").await;
    let zoe = Client::join(one.address, "Zoe", "lobby").await;
    assert_eq!((eve.history.len(), &eve.epoch), (100, &zoe.epoch));
    assert_eq!(eve.history, zoe.history);
    assert_eq!(eve.history.last().unwrap().text, odd);

    // Another room hears nothing of it, and who leaves is missed everywhere.
    let other = Client::join(two.address, "Ada", "elsewhere").await;
    assert_eq!(other.people, ["Ada"]);
    ada.leave().await;
    bob.sees(&left("Ada")).await;
    // A server that stops says good-bye for all of its people.
    one.stop().await;
    bob.sees(&left("Zoe")).await;
    let back = Client::join(two.address, "Ada", "lobby").await;
    assert_eq!(back.people, ["Ada", "Bob \u{e9}", "Eve"]);
    two.stop().await;
}

#[tokio::test]
async fn rooms_are_listened_to_only_while_somebody_is_in_them() {
    let Some(redis) = Redis::start() else { return };
    let server = Running::start(options(&redis.url())).await;
    let listened = || {
        redis
            .command("PUBSUB CHANNELS chat:*")
            .matches(":events")
            .count()
    };
    for _ in 0..20 {
        let mut ada = Client::join(server.address, "Ada", "attic").await;
        assert_eq!(listened(), 1);
        // Comes while the other goes: the room must not be lost between them.
        let bob = Client::join(server.address, "Bob", "attic").await;
        ada.say("hello").await;
        ada.hears().await;
        let (mut bob, ()) = tokio::join!(
            async {
                bob.leave().await;
                Client::join(server.address, "Eve", "attic").await
            },
            ada.leave(),
        );
        bob.say("still here").await;
        while bob.hears().await.text != "still here" {}
        bob.leave().await;
        while listened() > 0 {
            sleep(Duration::from_millis(1)).await;
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn when_a_server_is_killed_its_people_leave_and_nobody_else_notices() {
    let Some(redis) = Redis::start() else { return };
    let (mut one, address) = chat(&redis);
    let (_two, other) = chat(&redis);
    let mut ada = Client::join(address, "Ada", "lobby").await;
    let _also = Client::join(address, "Anna", "attic").await;
    let mut bob = Client::join(other, "Bob", "lobby").await;
    let mut eve = Client::join(other, "Eve", "attic").await;
    ada.say("the last word").await;
    assert_eq!(bob.hears().await.id, 1);
    one.kill();
    // Undisturbed from the first moment.
    let mut others = Vec::new();
    for id in 2..20 {
        assert_eq!(bob.ask(&id.to_string(), &mut others).await, Ok(id));
    }
    if !others.contains(&left("Ada")) {
        bob.sees(&left("Ada")).await;
    }
    eve.sees(&left("Anna")).await;
    // The name is free again.
    let ada = Client::join(other, "Ada", "lobby").await;
    assert_eq!(ada.people, ["Ada", "Bob"]);
}

#[tokio::test]
async fn when_redis_is_restarted_everyone_stays_and_the_ids_go_on() {
    let Some(mut redis) = Redis::start() else {
        return;
    };
    let one = Running::start(options(&redis.url())).await;
    let two = Running::start(options(&redis.url())).await;
    let mut ada = Client::join(one.address, "Ada", "lobby").await;
    let mut bob = Client::join(two.address, "Bob", "lobby").await;
    let mut eve = Client::join(one.address, "Eve", "attic").await;
    ada.say("before").await;
    assert_eq!(ada.hears().await.id, 1);
    assert_eq!(bob.hears().await.id, 1);
    redis.kill();
    // The first who says something may have been heard or not, and is sent back to find out. Then it
    // is known that nothing is heard.
    let fate = eve.ask("into the void", &mut Vec::new()).await;
    assert!(matches!(
        fate,
        Err(NotSaid::Closed(close::TRY_AGAIN) | NotSaid::Refused(_))
    ));
    let fate = ada.ask("into the void", &mut Vec::new()).await;
    assert!(matches!(fate, Err(NotSaid::Refused(reason)) if reason.contains("Redis")));
    let refused = Client::try_join(one.address, join_message("Zoe", "lobby")).await;
    assert_eq!(refused.err().unwrap().0, close::TRY_AGAIN);
    redis.start_again();
    // It has forgotten everything. The servers have not.
    let mut others = Vec::new();
    assert_eq!(insist(&mut ada, "after", &mut others).await, 2);
    let said = bob.hears().await;
    assert_eq!((said.id, said.text.as_str()), (2, "after"));
    let mut others = Vec::new();
    assert_eq!(insist(&mut bob, "too", &mut others).await, 3);
    let taken = Client::try_join(two.address, join_message("Ada", "lobby")).await;
    assert_eq!(taken.err().unwrap().0, close::NAME_TAKEN);
    let zoe = Client::join(two.address, "Zoe", "lobby").await;
    assert_eq!(zoe.people, ["Ada", "Bob", "Zoe"]);
    assert_eq!(zoe.epoch, ada.epoch);
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn what_was_said_during_a_break_comes_after_it() {
    let Some(redis) = Redis::start() else { return };
    let mut proxy = Proxy::start(redis.address()).await;
    let whole = Options {
        history: 10,
        ..options(&redis.url())
    };
    let broken = Options {
        redis: Some(format!("redis://{}", proxy.address)),
        ..whole.clone()
    };
    let (whole, broken) = (Running::start(whole).await, Running::start(broken).await);
    let mut ada = Client::join(whole.address, "Ada", "lobby").await;
    let mut bob = Client::join(broken.address, "Bob", "lobby").await;
    ada.say("1").await;
    assert_eq!(bob.hears().await.id, 1);

    // As much as Redis keeps: nothing is missed.
    proxy.cut();
    for id in 2..=11 {
        assert_eq!(ada.ask(&id.to_string(), &mut Vec::new()).await, Ok(id));
    }
    let eve = Client::join(whole.address, "Eve", "lobby").await;
    proxy.mend().await;
    for id in 2..=11 {
        let ServerMessage::Said(said) = bob.next().await else {
            panic!("not said")
        };
        assert_eq!((said.id, said.text), (id, id.to_string()));
    }
    let people = ["Ada", "Bob", "Eve"].map(str::to_owned).to_vec();
    assert_eq!(bob.next().await, ServerMessage::People { people });

    // More than that: what is gone is told, and the rest comes.
    proxy.cut();
    for id in 12..=36 {
        assert_eq!(ada.ask(&id.to_string(), &mut Vec::new()).await, Ok(id));
    }
    eve.leave().await;
    ada.sees(&left("Eve")).await;
    proxy.mend().await;
    let missed = ServerMessage::Missed {
        count: 15,
        first: 12,
        last: 26,
    };
    assert_eq!(bob.next().await, missed);
    for id in 27..=36 {
        assert_eq!(bob.hears().await.id, id);
    }
    let people = ["Ada", "Bob"].map(str::to_owned).to_vec();
    assert_eq!(bob.next().await, ServerMessage::People { people });
    // And it goes on as before, in both directions.
    assert_eq!(insist(&mut bob, "37", &mut Vec::new()).await, 37);
    assert_eq!(ada.ask("38", &mut Vec::new()).await, Ok(38));
    whole.stop().await;
    broken.stop().await;
}

#[tokio::test]
async fn who_left_during_a_break_has_left_after_it() {
    let Some(redis) = Redis::start() else { return };
    let mut proxy = Proxy::start(redis.address()).await;
    let whole = Running::start(options(&redis.url())).await;
    let broken = Running::start(options(&format!("redis://{}", proxy.address))).await;
    let mut ada = Client::join(whole.address, "Ada", "lobby").await;
    let bob = Client::join(broken.address, "Bob", "lobby").await;
    let _zoe = Client::join(broken.address, "Zoe", "attic").await;
    proxy.cut();
    bob.leave().await;
    proxy.mend().await;
    ada.sees(&left("Bob")).await;
    let zoe = Client::try_join(whole.address, join_message("Zoe", "attic")).await;
    assert_eq!(zoe.err().unwrap().0, close::NAME_TAKEN);
    whole.stop().await;
    broken.stop().await;
}

#[tokio::test]
async fn a_name_that_was_taken_during_a_break_is_lost() {
    let Some(redis) = Redis::start() else { return };
    let mut proxy = Proxy::start(redis.address()).await;
    let whole = Running::start(options(&redis.url())).await;
    let broken = Running::start(options(&format!("redis://{}", proxy.address))).await;
    let mut bob = Client::join(broken.address, "Bob", "lobby").await;
    proxy.cut();
    // After some seconds the others take this server for dead, and the name for free.
    let again = loop {
        match Client::try_join(whole.address, join_message("Bob", "lobby")).await {
            Ok(again) => break again,
            Err(closed) => assert_eq!(closed.0, close::NAME_TAKEN),
        }
        sleep(Duration::from_millis(50)).await;
    };
    proxy.mend().await;
    assert_eq!(bob.closed().await.unwrap().0, close::NAME_TAKEN);
    assert_eq!(again.people, ["Bob"]);
    whole.stop().await;
    broken.stop().await;
}

#[tokio::test]
async fn a_room_that_begins_anew_sends_everyone_back_to_join() {
    let Some(redis) = Redis::start() else { return };
    let one = Running::start(options(&redis.url())).await;
    let mut ada = Client::join(one.address, "Ada", "lobby").await;
    ada.say("1").await;
    ada.hears().await;
    // Somebody empties Redis while all are connected, and another server is first to come.
    redis.command("FLUSHALL");
    let two = Running::start(options(&redis.url())).await;
    let bob = Client::join(two.address, "Bob", "lobby").await;
    assert_ne!(bob.epoch, ada.epoch);
    let closed = ada.closed().await.unwrap();
    assert_eq!(closed.0, close::TRY_AGAIN, "{}", closed.1);
    let join = ClientMessage::Join {
        name: "Ada".to_owned(),
        room: "lobby".to_owned(),
        after: Some(1),
        of: Some(ada.epoch),
    };
    // At once is a little too early: the server still asks Redis about its other rooms.
    let ada = loop {
        match Client::try_join(one.address, join.clone()).await {
            Ok(ada) => break ada,
            Err(closed) => assert_eq!(closed.0, close::TRY_AGAIN),
        }
    };
    assert_eq!(
        (ada.epoch, ada.people),
        (bob.epoch.clone(), vec!["Ada".into(), "Bob".into()])
    );
    one.stop().await;
    two.stop().await;
}

#[test]
fn a_redis_that_is_not_there_is_one_line() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("redis://{}", listener.local_addr().unwrap());
    drop(listener);
    // What cannot be an address is bad usage; one where nobody is, is work that failed.
    let cases = [
        (closed.as_str(), 1),
        ("localhost:6379", 2),
        ("http://localhost", 2),
        ("redis://", 2),
        ("", 2),
    ];
    for (url, code) in cases {
        let mut chat = Command::new(env!("CARGO_BIN_EXE_chat"));
        chat.args(["--port", "0", "--redis", url]);
        let output = chat.output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{url}: {error}");
        assert_eq!(error.lines().count(), 1, "{url}: {error}");
        assert!(
            error.starts_with("chat: ") && error.contains("--redis"),
            "{error}"
        );
        assert_eq!(output.stdout, b"");
    }
}
