//! What the people of a room see.

use std::collections::HashMap;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::client::Client;
use crate::rules;
use crate::server::Server;

rules![
    who_comes_and_goes,
    nothing_lost_nothing_reordered,
    rooms_do_not_hear_each_other,
    a_newcomer_sees_what_was_said,
    the_history_has_a_hundred,
    who_comes_back_gets_the_rest,
    who_comes_back_from_another_epoch,
    an_id_of_the_future,
    the_history_outlives_the_people,
    many_come_at_once,
];

pub(crate) mod short_history {
    use super::*;
    rules![some_is_no_longer_kept];
}
pub(crate) use short_history::RULES as SHORT_HISTORY;

async fn who_comes_and_goes(server: &Server) {
    let (mut bob, _) = Client::join(server, "bob", "people").await;
    let (ada, welcome) = Client::join(server, "Ada", "people").await;
    assert_eq!(welcome["people"], json!(["Ada", "bob"]), "sorted");
    assert_eq!(bob.next().await, json!({"type": "joined", "name": "Ada"}));
    let (eve, welcome) = Client::join(server, "Eve", "people").await;
    assert_eq!(welcome["people"], json!(["Ada", "Eve", "bob"]));
    assert_eq!(bob.next().await["name"], "Eve");
    ada.leave().await;
    assert_eq!(bob.next().await, json!({"type": "left", "name": "Ada"}));
    // Without a word: a laptop that is shut.
    drop(eve);
    assert_eq!(bob.next().await, json!({"type": "left", "name": "Eve"}));
}

/// Ten people say a hundred things each, as fast as they can; all hear the same.
async fn nothing_lost_nothing_reordered(server: &Server) {
    const PEOPLE: usize = 10;
    const TEXTS: usize = 100;
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        people.push(Client::join(server, &format!("p{number}"), "order").await.0);
    }
    let talk = people
        .into_iter()
        .enumerate()
        .map(|(number, mut client)| async move {
            for text in 0..TEXTS {
                client.say(&format!("{number} {text}")).await;
            }
            let mut heard = Vec::new();
            while heard.len() < PEOPLE * TEXTS {
                let message = client.next().await;
                assert_ne!(message["type"], "missed", "a healthy reader: {message}");
                if message["type"] == "said" {
                    heard.push(message);
                }
            }
            heard
        });
    let heard = join_all(talk).await;
    for other in &heard[1..] {
        assert_eq!(*other, heard[0]);
    }
    let mut next: HashMap<&str, usize> = HashMap::new();
    for (index, said) in heard[0].iter().enumerate() {
        assert_eq!(said["id"], index + 1, "ids rise by one");
        let name = said["name"].as_str().unwrap();
        let text = next.entry(name).or_default();
        assert_eq!(
            said["text"],
            format!("{} {text}", &name[1..]),
            "in the order of each sender"
        );
        *text += 1;
    }
}

async fn rooms_do_not_hear_each_other(server: &Server) {
    let (mut ada, _) = Client::join(server, "Ada", "one-side").await;
    let (mut bob, _) = Client::join(server, "Bob", "other-side").await;
    assert_eq!(ada.ask("a").await["id"], 1);
    assert_eq!(bob.ask("b").await["id"], 1, "each room counts for itself");
    bob.say("end").await;
    while bob.next_of("said").await["text"] != "end" {}
    let (_, welcome) = Client::join(server, "Eve", "other-side").await;
    assert_eq!(texts(&welcome), ["b", "end"]);
}

fn texts(welcome: &Value) -> Vec<&str> {
    let history = welcome["history"].as_array().unwrap();
    history
        .iter()
        .map(|said| said["text"].as_str().unwrap())
        .collect()
}

fn ids(welcome: &Value) -> Vec<u64> {
    let history = welcome["history"].as_array().unwrap();
    history
        .iter()
        .map(|said| said["id"].as_u64().unwrap())
        .collect()
}

async fn a_newcomer_sees_what_was_said(server: &Server) {
    let (mut ada, _) = Client::join(server, "Ada", "seen").await;
    ada.say("hi").await;
    let mut said = ada.next().await;
    said.as_object_mut().unwrap().remove("type");
    let (_, welcome) = Client::join(server, "Bob", "seen").await;
    assert_eq!(welcome["history"], json!([said]), "as the others saw it");
}

async fn says(client: &mut Client, texts: u64) {
    for number in 1..=texts {
        client.say(&format!("{number}")).await;
    }
    let last = texts.to_string();
    while client.next_of("said").await["text"] != *last {}
}

async fn the_history_has_a_hundred(server: &Server) {
    let (mut ada, _) = Client::join(server, "Ada", "hundred").await;
    says(&mut ada, 130).await;
    let (_, welcome) = Client::join(server, "Bob", "hundred").await;
    assert_eq!(ids(&welcome), (31..=130).collect::<Vec<_>>());
    assert_eq!(
        welcome["missed"], 0,
        "who never was here has missed nothing"
    );
}

fn back(room: &str, after: u64, epoch: &Value) -> Value {
    json!({"type": "join", "name": "Bob", "room": room, "after": after, "of": epoch})
}

async fn who_comes_back_gets_the_rest(server: &Server) {
    let (mut ada, welcome) = Client::join(server, "Ada", "back").await;
    says(&mut ada, 7).await;
    let epoch = &welcome["epoch"];
    for (after, expected) in [(0, 1..=7), (3, 4..=7), (6, 7..=7)] {
        let (bob, welcome) = Client::join_with(server, back("back", after, epoch)).await;
        assert_eq!(
            (ids(&welcome), &welcome["missed"]),
            (expected.collect(), &json!(0))
        );
        assert_eq!(welcome["epoch"], *epoch);
        bob.leave().await;
    }
    let (_, welcome) = Client::join_with(server, back("back", 7, epoch)).await;
    assert_eq!(ids(&welcome), [0; 0], "nothing is told twice");
}

/// The server was started anew: its ids have nothing to do with those that the client knows.
async fn who_comes_back_from_another_epoch(server: &Server) {
    let (mut ada, _) = Client::join(server, "Ada", "epochs").await;
    says(&mut ada, 3).await;
    let (bob, welcome) = Client::join_with(server, back("epochs", 2, &json!("another"))).await;
    assert_eq!(
        (ids(&welcome), &welcome["missed"]),
        (vec![1, 2, 3], &json!(0))
    );
    bob.leave().await;
    let mut without = back("epochs", 2, &Value::Null);
    without.as_object_mut().unwrap().remove("of");
    let (_, welcome) = Client::join_with(server, without).await;
    assert_eq!(ids(&welcome), [1, 2, 3]);
}

/// A client that is mistaken gets what a newcomer gets.
async fn an_id_of_the_future(server: &Server) {
    let (mut ada, welcome) = Client::join(server, "Ada", "future").await;
    says(&mut ada, 3).await;
    for after in [4, u64::MAX] {
        let join = back("future", after, &welcome["epoch"]);
        let (bob, welcome) = Client::join_with(server, join).await;
        assert_eq!(
            (ids(&welcome), &welcome["missed"]),
            (vec![1, 2, 3], &json!(0))
        );
        bob.leave().await;
    }
}

async fn the_history_outlives_the_people(server: &Server) {
    let (mut ada, first) = Client::join(server, "Ada", "alone").await;
    says(&mut ada, 2).await;
    ada.leave().await;
    let (_, welcome) = Client::join_with(server, back("alone", 1, &first["epoch"])).await;
    assert_eq!(welcome["epoch"], first["epoch"]);
    assert_eq!(texts(&welcome), ["2"]);
}

async fn some_is_no_longer_kept(server: &Server) {
    let (mut ada, welcome) = Client::join(server, "Ada", "short").await;
    says(&mut ada, 12).await;
    let (bob, again) = Client::join_with(server, back("short", 3, &welcome["epoch"])).await;
    assert_eq!(ids(&again), [8, 9, 10, 11, 12]);
    assert_eq!(again["missed"], 4, "4 to 7");
    bob.leave().await;
    let (_, again) = Client::join_with(server, back("short", 7, &welcome["epoch"])).await;
    assert_eq!((ids(&again).len(), &again["missed"]), (5, &json!(0)));
}

/// Fifty come and half of them go: whoever stays knows who is here.
async fn many_come_at_once(server: &Server) {
    let join = |number: usize| async move {
        Client::join(server, &format!("p{number:02}"), "crowd").await
    };
    let mut clients = join_all((0..50).map(join)).await;
    let stay = clients.split_off(25);
    join_all(clients.into_iter().map(|(client, _)| client.leave())).await;
    let expected: Vec<String> = (25..50).map(|number| format!("p{number:02}")).collect();
    let watch = stay.into_iter().map(|(mut client, welcome)| {
        let expected = &expected;
        async move {
            let mut people: Vec<String> =
                serde_json::from_value(welcome["people"].clone()).unwrap();
            while people != *expected {
                let message = client.next().await;
                let name = message["name"].as_str().unwrap().to_owned();
                if message["type"] == "joined" {
                    people.push(name);
                    people.sort();
                } else {
                    people.retain(|other| *other != name);
                }
            }
            client
        }
    });
    join_all(watch).await;
}
