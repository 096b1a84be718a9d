//! What a message may be, and who may send it.

use serde_json::{Value, json};

use crate::client::Client;
use crate::rules;
use crate::server::Server;

rules![
    a_welcome,
    no_message_of_this_protocol,
    no_message_after_the_join,
    the_reason_is_for_people,
    nothing_before_the_join,
    names_that_are_taken,
    names_that_are_not,
    rooms_that_are_taken,
    rooms_that_are_not,
    one_name_once,
    one_name_in_two_rooms,
    what_is_said_is_trimmed,
    a_text_that_is_refused,
    a_text_stays_as_it_is,
    a_ref_comes_back_to_its_sender_alone,
    no_ref_no_answer,
    the_longest_ref,
    fields_that_nobody_knows,
    a_message_has_its_time,
];

async fn a_welcome(server: &Server) {
    let (_client, mut welcome) = Client::join(server, "Ada", "welcome").await;
    let epoch = welcome.as_object_mut().unwrap().remove("epoch").unwrap();
    assert!(!epoch.as_str().unwrap().is_empty());
    let expected = json!({
        "type": "welcome", "name": "Ada", "room": "welcome", "people": ["Ada"], "history": [], "missed": 0,
    });
    assert_eq!(welcome, expected);
}

/// What is not one JSON object with what belongs in it. An array is the trap of serde's tagged enums,
/// `NaN` and half of a surrogate pair are the traps of Python's json.
fn nonsense() -> Vec<String> {
    let brackets = "[".repeat(16_000);
    let nested = format!(
        r#"{{"type":"say","text":"a","more":{}"#,
        r#"{"a":"#.repeat(2500)
    );
    [
        "",
        " ",
        "hello",
        "{",
        "null",
        "7",
        r#""say""#,
        "[]",
        r#"["say","hi"]"#,
        r#"["say",{"text":"hi"}]"#,
        r#"["join","Ada","room"]"#,
        "{}",
        r#"{"type":7}"#,
        r#"{"type":null}"#,
        r#"{"type":"Say","text":"hi"}"#,
        r#"{"type":"shout","text":"hi"}"#,
        r#"{"type":"welcome"}"#,
        r#"{"type":"say"}"#,
        r#"{"type":"say","text":7}"#,
        r#"{"type":"say","text":null}"#,
        r#"{"type":"say","text":["hi"]}"#,
        r#"{"type":"say","text":{"hi":1}}"#,
        r#"{"type":"say","text":"hi","ref":7}"#,
        r#"{"type":"say","text":"\ud800"}"#,
        r#"{"type":"say","text":"hi","ref":"\udfff"}"#,
        r#"{"type":"say","text":"hi","more":NaN}"#,
        r#"{"type":"say","text":"hi"} {}"#,
        r#"{"type":"say","text":"hi",}"#,
        "{'type':'say','text':'hi'}",
        "\u{feff}{\"type\":\"say\",\"text\":\"hi\"}",
        "{\"type\":\"say\",\"text\":\"a\nb\"}",
        &brackets,
        &nested,
    ]
    .map(ToOwned::to_owned)
    .to_vec()
}

async fn no_message_of_this_protocol(server: &Server) {
    for text in nonsense() {
        let mut client = Client::connect(server).await;
        client.send_text(&text).await;
        assert_eq!(client.close_code().await, Some(4000), "{text:.60}");
    }
    for join in [
        json!({"type": "join"}),
        json!({"type": "join", "name": "Ada"}),
        json!({"type": "join", "room": "lobby"}),
        json!({"type": "join", "name": 7, "room": "lobby"}),
        json!({"type": "join", "name": "Ada", "room": null}),
        json!({"type": "join", "name": "Ada", "room": "lobby", "after": -1}),
        json!({"type": "join", "name": "Ada", "room": "lobby", "after": 1.5}),
        json!({"type": "join", "name": "Ada", "room": "lobby", "after": "1"}),
        json!({"type": "join", "name": "Ada", "room": "lobby", "after": 1e30}),
        json!({"type": "join", "name": "Ada", "room": "lobby", "of": 1}),
    ] {
        let mut client = Client::connect(server).await;
        client.send(join.clone()).await;
        assert_eq!(client.close_code().await, Some(4000), "{join}");
    }
}

async fn no_message_after_the_join(server: &Server) {
    for text in nonsense() {
        let (mut client, _) = Client::join(server, "Mallory", "nonsense").await;
        client.send_text(&text).await;
        assert_eq!(client.close_code().await, Some(4000), "{text:.60}");
    }
    let (mut client, _) = Client::join(server, "Mallory", "nonsense").await;
    client
        .send(json!({"type": "join", "name": "Eve", "room": "nonsense"}))
        .await;
    assert_eq!(client.close_code().await, Some(4000), "a second join");
}

async fn the_reason_is_for_people(server: &Server) {
    use crate::raw::{CLOSE, FIN, Raw, TEXT, frame};
    let mut raw = Raw::upgraded(server).await;
    raw.send(&frame(
        FIN | TEXT,
        r#"{"type":"join","name":"<b>","room":"lobby"}"#,
    ))
    .await;
    let (first, payload) = raw.frame().await.unwrap();
    assert_eq!(first, FIN | CLOSE);
    let reason = std::str::from_utf8(&payload[2..]).unwrap();
    assert!(reason.contains("name") && reason.contains(' '), "{reason}");
    assert!(
        !reason.contains("<b>"),
        "not what the client sent: {reason}"
    );
}

async fn nothing_before_the_join(server: &Server) {
    let mut client = Client::connect(server).await;
    client.say("hello").await;
    assert_eq!(client.close_code().await, Some(4000));
}

fn join(name: &str, room: &str) -> Value {
    json!({"type": "join", "name": name, "room": room})
}

async fn names_that_are_taken(server: &Server) {
    let longest = "ä".repeat(32);
    for (name, shown) in [
        ("Ada", "Ada"),
        ("  Ada\t", "Ada"),
        ("Jean-Luc O'Neill Jr._2", "Jean-Luc O'Neill Jr._2"),
        ("Żółć", "Żółć"),
        ("अदिति", "अदिति"),
        ("小明", "小明"),
        // Signs of their own: the virama, and an accent as macOS writes it.
        ("अर्जुन", "अर्जुन"),
        ("Zoe\u{301}", "Zoe\u{301}"),
        (&longest, &longest),
    ] {
        let (client, welcome) = Client::join(server, name, "names").await;
        assert_eq!(welcome["name"], shown);
        assert!(
            welcome["people"]
                .as_array()
                .unwrap()
                .contains(&json!(shown))
        );
        client.leave().await;
    }
}

async fn names_that_are_not(server: &Server) {
    let long = "a".repeat(33);
    for name in [
        "",
        "   ",
        "a\nb",
        "a\tb",
        "a\0b",
        "a\u{1b}[2J",
        "a\u{7f}b",
        "a\u{85}b",
        // Turned around, isolated, invisible, without width.
        "a\u{202e}b",
        "a\u{2066}b",
        "a\u{200e}b",
        "a\u{200b}b",
        "\u{feff}Ada",
        "a\u{2028}b",
        "<b>",
        "a/b",
        "a&b",
        "\"",
        "🦀",
        "a\u{a0}b",
        "\u{1f}Ada",
        // Letters and signs that nobody sees, signs without a letter, and a tower of them.
        "\u{3164}",
        "Ada\u{fe0f}",
        "a\u{34f}b",
        "\u{301}a",
        "a \u{301}",
        "a\u{301}\u{301}\u{301}\u{301}\u{301}",
        &long,
    ] {
        let mut client = Client::connect(server).await;
        client.send(join(name, "names")).await;
        assert_eq!(client.close_code().await, Some(4000), "{name:?}");
    }
}

async fn rooms_that_are_taken(server: &Server) {
    for room in ["a", "0", "-", &"a".repeat(32), "rust-2024"] {
        let (_client, welcome) = Client::join(server, "Ada", room).await;
        assert_eq!(welcome["room"], room);
    }
}

async fn rooms_that_are_not(server: &Server) {
    for room in [
        "",
        "Rust",
        "a b",
        "a_b",
        "ä",
        "a\0",
        "../etc",
        "*",
        &"a".repeat(33),
    ] {
        let mut client = Client::connect(server).await;
        client.send(join("Ada", room)).await;
        assert_eq!(client.close_code().await, Some(4000), "{room:?}");
    }
}

async fn one_name_once(server: &Server) {
    let (mut ada, _) = Client::join(server, "Ängström", "once").await;
    for same in ["Ängström", "ängström", "ÄNGSTRÖM", " Ängström "] {
        let mut client = Client::connect(server).await;
        client.send(join(same, "once")).await;
        assert_eq!(client.close_code().await, Some(4001), "{same}");
    }
    assert_eq!(ada.ask("undisturbed").await["type"], "accepted");
    ada.leave().await;
    // What the close frame says is true: from now on the name is free.
    let (_again, welcome) = Client::join(server, "ängström", "once").await;
    assert_eq!(welcome["people"], json!(["ängström"]));
}

async fn one_name_in_two_rooms(server: &Server) {
    let (_here, _) = Client::join(server, "Ada", "here").await;
    let (_there, welcome) = Client::join(server, "Ada", "there").await;
    assert_eq!(welcome["people"], json!(["Ada"]));
}

async fn what_is_said_is_trimmed(server: &Server) {
    let (mut ada, _) = Client::join(server, "Ada", "trimmed").await;
    ada.say(" \n\t two\n\tlines \n ").await;
    assert_eq!(ada.next().await["text"], "two\n\tlines");
}

async fn a_text_that_is_refused(server: &Server) {
    let (mut ada, _) = Client::join(server, "Ada", "refused").await;
    let (mut bob, _) = Client::join(server, "Bob", "refused").await;
    let long = "a".repeat(2001);
    for text in [
        "",
        " ",
        "\n\t\n",
        "a\0b",
        "a\u{7}b",
        "a\u{1b}[31mb",
        "a\rb",
        "a\u{7f}",
        "a\u{9b}b",
        &long,
    ] {
        let answer = ada.ask(text).await;
        assert_eq!(answer["type"], "refused", "{text:?}");
        assert!(answer["reason"].as_str().unwrap().contains(' '), "{answer}");
    }
    ada.say("").await;
    let answer = ada.next().await;
    assert_eq!(answer["type"], "refused");
    assert!(answer.get("ref").is_none_or(Value::is_null));
    assert_eq!(
        ada.ask("good").await["id"],
        1,
        "the first that was accepted"
    );
    assert_eq!(
        bob.next().await["text"],
        "good",
        "the others heard nothing of it"
    );
}

async fn a_text_stays_as_it_is(server: &Server) {
    let (mut ada, _) = Client::join(server, "Ada", "as-it-is").await;
    let crabs = "🦀".repeat(2000);
    for text in [
        "<img src=x onerror=alert(1)>",
        "\"\\ \u{2028} \u{202e}abc </script> 'é' e\u{301}",
        "{\"type\":\"closing\"}",
        &crabs,
    ] {
        ada.say(text).await;
        assert_eq!(ada.next().await["text"], text);
    }
}

async fn a_ref_comes_back_to_its_sender_alone(server: &Server) {
    let (mut ada, _) = Client::join(server, "Ada", "refs").await;
    let (mut bob, _) = Client::join(server, "Bob", "refs").await;
    assert_eq!(ada.next().await["type"], "joined");
    ada.send(json!({"type": "say", "text": "hi", "ref": "<r>"}))
        .await;
    let mut both = [ada.next().await, ada.next().await];
    both.sort_by_key(|message| message["type"].to_string());
    assert_eq!(both[0], json!({"type": "accepted", "ref": "<r>", "id": 1}));
    assert_eq!(both[1]["type"], "said");
    ada.say("end").await;
    let heard = [bob.next().await, bob.next().await];
    assert_eq!(heard[0]["text"], "hi");
    assert!(heard[0].get("ref").is_none(), "{}", heard[0]);
    assert_eq!(heard[1]["text"], "end");
}

async fn no_ref_no_answer(server: &Server) {
    let (mut ada, _) = Client::join(server, "Ada", "no-ref").await;
    ada.say("one").await;
    ada.say("two").await;
    assert_eq!(ada.next().await["text"], "one");
    assert_eq!(ada.next().await["text"], "two");
}

async fn the_longest_ref(server: &Server) {
    let (mut ada, _) = Client::join(server, "Ada", "long-ref").await;
    let longest = "é".repeat(64);
    ada.send(json!({"type": "say", "text": "hi", "ref": longest}))
        .await;
    assert_eq!(ada.next_of("accepted").await["ref"], longest);
    ada.send(json!({"type": "say", "text": "hi", "ref": "é".repeat(65)}))
        .await;
    assert_eq!(ada.close_code().await, Some(4000));
}

/// So that a newer client can talk to an older server.
async fn fields_that_nobody_knows(server: &Server) {
    let join = json!({"type": "join", "name": "Ada", "room": "fields", "colour": [1, {}]});
    let (mut ada, _) = Client::join_with(server, join).await;
    ada.send(json!({"type": "say", "text": "hi", "colour": null}))
        .await;
    assert_eq!(ada.next().await["text"], "hi");
}

async fn a_message_has_its_time(server: &Server) {
    let now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        u64::try_from(since.unwrap().as_millis()).unwrap()
    };
    let (mut ada, _) = Client::join(server, "Ada", "time").await;
    let before = now();
    ada.say("hi").await;
    let at = ada.next().await["at"].as_u64().unwrap();
    assert!((before..=now()).contains(&at), "{at}");
}
