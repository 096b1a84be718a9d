//! What the gateway does with one connection, over pipes in memory on the paused clock: each
//! duration is exact.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod peer;

use std::time::Duration;

use futures::SinkExt;
use peer::{Peer, happened, reading, settle};
use sensors::{Gateway, Options, Summary};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
const NOTHING: Vec<serde_json::Value> = Vec::new();

fn gateway() -> Gateway {
    Gateway::new(Options::default())
}

#[tokio::test(start_paused = true)]
async fn a_reading_is_counted_and_told() {
    let gateway = gateway();
    let mut events = gateway.events();
    let mut peer = Peer::connect(&gateway);
    peer.send(&json!({"hello": "pump-17"})).await;
    let welcome = peer.next().await.unwrap();
    assert_eq!(welcome, json!({"welcome": "pump-17", "every": 1.0}));
    for value in [20.0, 22.0, 27.0] {
        peer.read("temperature", value).await;
    }
    peer.read("level", 3.0).await;
    drop(peer);
    settle().await;

    let snapshot = gateway.snapshot();
    assert_eq!(snapshot.totals.readings, 4);
    assert_eq!((snapshot.totals.online, snapshot.totals.known), (0, 1));
    let device = snapshot.device("pump-17").unwrap();
    assert_eq!(device.readings, 4);
    let expected = Summary {
        count: 3,
        min: 20.0,
        mean: 23.0,
        max: 27.0,
    };
    assert_eq!(device.kinds[0].minute, Some(expected));
    assert_eq!(&*device.kinds[1].kind, "level");
    assert_eq!(
        happened(&mut events),
        [
            "online pump-17",
            "reading pump-17",
            "reading pump-17",
            "reading pump-17",
            "reading pump-17",
            "offline pump-17 it closed the connection",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn three_intervals_of_silence_are_offline() {
    let gateway = gateway();
    let mut events = gateway.events();
    let mut peer = Peer::hello(&gateway, "pump-1").await;
    sleep(2_900 * SECOND / 1000).await;
    peer.read("level", 1.0).await;
    let quiet_since = Instant::now();
    // Bytes that make no line are silence, too.
    for _ in 0..29 {
        sleep(SECOND / 10).await;
        assert!(peer.raw(b" ").await);
    }
    let bye = json!({"bye": "nothing heard for 3 s"});
    assert_eq!(peer.rest().await, [bye]);
    assert_eq!(quiet_since.elapsed(), 3 * SECOND);
    assert_eq!(
        happened(&mut events).last().unwrap(),
        "offline pump-1 nothing heard for 3 s"
    );
    // The gateway waits for a second for the other end to close, and no longer.
    peer.attended.await.unwrap();
    assert_eq!(quiet_since.elapsed(), 4 * SECOND);
    assert_eq!(gateway.totals().connections, 0);
}

#[tokio::test(start_paused = true)]
async fn who_says_no_hello_is_closed_after_five_seconds() {
    let gateway = gateway();
    let start = Instant::now();
    let mut quiet = Peer::connect(&gateway);
    let mut slow = Peer::connect(&gateway);
    for byte in br#"{"hel"# {
        assert!(slow.raw(&[*byte]).await);
        sleep(SECOND / 2).await;
    }
    let bye = json!({"bye": "no hello within 5 s"});
    for peer in [&mut quiet, &mut slow] {
        assert_eq!(peer.rest().await, std::slice::from_ref(&bye));
        assert_eq!(start.elapsed(), 5 * SECOND);
    }
    let totals = gateway.totals();
    assert_eq!((totals.refused, totals.known), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_hello_is_refused_at_once() {
    let gateway = gateway();
    let start = Instant::now();
    for (line, why) in [
        ("GET / HTTP/1.1", "line is no JSON"),
        (r#"{"hello":"Pump 17"}"#, "an id is 1 to 64 of"),
        (r#"{"hello":"gateway"}"#, "and not gateway"),
        (
            r#"{"ack":5,"ok":true}"#,
            r#"the first line is {"hello":"ID"}"#,
        ),
    ] {
        let mut peer = Peer::connect(&gateway);
        assert!(peer.raw(format!("{line}\n").as_bytes()).await);
        let lines = peer.rest().await;
        let bye = lines[0]["bye"].as_str().unwrap();
        assert!(lines.len() == 1 && bye.contains(why), "{line}: {lines:?}");
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(gateway.totals().known, 0);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_was_cut_off_is_neither_a_reading_nor_a_mistake() {
    let gateway = gateway();
    let mut peer = Peer::hello(&gateway, "pump-1").await;
    let line = reading("level", 1.0).to_string();
    assert!(peer.raw(format!("{line}\n{line}").as_bytes()).await);
    SinkExt::<String>::close(&mut peer.wire).await.unwrap();
    assert_eq!(peer.rest().await, NOTHING);
    let totals = gateway.totals();
    assert_eq!((totals.readings, totals.bad_lines), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_is_counted_apart() {
    let gateway = gateway();
    let mut peer = Peer::hello(&gateway, "pump-1").await;
    let mut line = reading("level", 1.0);
    let now = line["at"].as_i64().unwrap();
    // Three seconds of tolerance, because this clock is a real one.
    for (off, counts) in [
        (-63_000, false),
        (-57_000, true),
        (57_000, true),
        (63_000, false),
    ] {
        let before = gateway.totals();
        line["at"] = json!(now + off);
        peer.send(&line).await;
        settle().await;
        let after = gateway.totals();
        assert_eq!(after.readings - before.readings, u64::from(counts), "{off}");
        assert_eq!(
            after.bad_clock - before.bad_clock,
            u64::from(!counts),
            "{off}"
        );
    }
    for at in [json!(-1e300), json!(1e300), json!(i64::MIN)] {
        line["at"] = at;
        peer.send(&line).await;
    }
    settle().await;
    let snapshot = gateway.snapshot();
    let device = snapshot.device("pump-1").unwrap();
    assert_eq!(
        (device.readings, device.bad_clock, device.bad_lines),
        (2, 5, 0)
    );
    assert_eq!(device.kinds[0].minute.unwrap().count, 2);
}

#[tokio::test(start_paused = true)]
async fn the_newer_of_two_takes_over() {
    let gateway = gateway();
    let mut events = gateway.events();
    let mut older = Peer::hello(&gateway, "pump-1").await;
    let mut newer = Peer::hello(&gateway, "pump-1").await;
    let bye = json!({"bye": "it said hello on a newer connection"});
    assert_eq!(older.rest().await, [bye]);
    drop(older);
    newer.read("level", 1.0).await;
    settle().await;
    // Between the two it was not offline for a moment.
    let told = ["online pump-1", "replaced pump-1", "reading pump-1"];
    assert_eq!(happened(&mut events), told);
    let snapshot = gateway.snapshot();
    let device = snapshot.device("pump-1").unwrap();
    assert!(device.online);
    assert_eq!(
        (device.connections, device.offline, device.readings),
        (2, 0, 1)
    );

    drop(newer);
    settle().await;
    let end = ["offline pump-1 it closed the connection"];
    assert_eq!(happened(&mut events), end);
}

#[tokio::test(start_paused = true)]
async fn when_the_gateway_stops_everybody_is_told() {
    let gateway = gateway();
    let mut events = gateway.events();
    let mut peers = vec![Peer::connect(&gateway)];
    for id in ["pump-1", "pump-2"] {
        peers.push(Peer::hello(&gateway, id).await);
    }
    gateway.stop();
    for peer in &mut peers {
        assert_eq!(peer.rest().await, [json!({"bye": "the gateway stops"})]);
    }
    let stopped: Vec<String> = happened(&mut events).split_off(2);
    assert_eq!(stopped.len(), 2);
    assert!(
        stopped
            .iter()
            .all(|event| event.ends_with("the gateway stops"))
    );
    let late = timeout(SECOND, Peer::connect(&gateway).rest())
        .await
        .unwrap();
    assert_eq!(late, [json!({"bye": "the gateway stops"})]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_dropped_leaves_no_ghost() {
    let gateway = gateway();
    let mut events = gateway.events();
    let peer = Peer::hello(&gateway, "pump-1").await;
    peer.attended.abort();
    settle().await;
    let told = [
        "online pump-1",
        "offline pump-1 the gateway dropped the connection",
    ];
    assert_eq!(happened(&mut events), told);
    assert_eq!(gateway.totals().connections, 0);
}
