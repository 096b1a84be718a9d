//! What the gateway does with devices that send too much, or the wrong thing. Over pipes in memory,
//! on the paused clock: each duration is exact.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod peer;

use std::time::Duration;

use peer::{Peer, happened, reading, settle};
use sensors::{Gateway, Options};
use serde_json::json;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn gateway() -> Gateway {
    Gateway::new(Options::default())
}

#[tokio::test(start_paused = true)]
async fn three_bad_lines_in_a_row_are_told_and_end_it() {
    let gateway = gateway();
    let mut good = Peer::hello(&gateway, "good").await;
    let mut bad = Peer::hello(&gateway, "bad").await;
    // In one piece, so that what stands behind a bad line has to be found in the buffer.
    let line = reading("level", 1.0);
    let lines = format!("nonsense\n{line}\n\u{7f}\n");
    assert!(bad.raw(lines.as_bytes()).await);
    assert!(bad.raw(b"\xff\xfe\n").await);
    assert!(bad.raw(&[b'x'; 10_000]).await);
    assert!(bad.raw(b"\n").await);
    let answers = bad.rest().await;
    let texts: Vec<&str> = answers[..4]
        .iter()
        .map(|answer| answer["error"].as_str().unwrap())
        .collect();
    assert!(
        texts[0].starts_with("line is no JSON: expected "),
        "{texts:?}"
    );
    assert!(
        texts[1].starts_with("line is no JSON: expected value"),
        "{texts:?}"
    );
    assert_eq!(
        texts[2..],
        ["line is no UTF-8", "line is longer than 4096 bytes"]
    );
    assert_eq!(answers[4..], [json!({"bye": "three bad lines in a row"})]);

    good.read("level", 1.0).await;
    settle().await;
    let snapshot = gateway.snapshot();
    let counts = |id| {
        let device = snapshot.device(id).unwrap();
        (device.online, device.readings, device.bad_lines)
    };
    assert_eq!(counts("good"), (true, 1, 0));
    assert_eq!(counts("bad"), (false, 1, 4));
}

#[tokio::test(start_paused = true)]
async fn ten_bad_lines_in_a_minute_end_it() {
    let gateway = gateway();
    let mut peer = Peer::hello(&gateway, "pump-1").await;
    for bad in 0..9 {
        sleep(SECOND).await;
        peer.read("level", 1.0).await;
        peer.send(&json!({"bad": bad})).await;
        assert!(peer.next().await.unwrap()["error"].is_string());
    }
    peer.read("level", 1.0).await;
    peer.send(&json!({"bad": 10})).await;
    let lines = peer.rest().await;
    assert_eq!(lines[1], json!({"bye": "ten bad lines in a minute"}));
    assert_eq!(gateway.totals().readings, 10);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_never_ends_is_silence_and_no_growth() {
    let gateway = gateway();
    let mut peer = Peer::hello(&gateway, "pump-1").await;
    let start = Instant::now();
    // A megabyte, which no buffer of 4 KiB can hold: all of it is taken and thrown away.
    for _ in 0..1024 {
        assert!(peer.raw(&[b'x'; 1024]).await);
    }
    let lines = peer.rest().await;
    assert_eq!(lines[0], json!({"error": "line is longer than 4096 bytes"}));
    assert_eq!(lines[1..], [json!({"bye": "nothing heard for 3 s"})]);
    assert_eq!(start.elapsed(), 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_device_has_a_bounded_number_of_kinds() {
    let gateway = gateway();
    let mut peer = Peer::hello(&gateway, "pump-1").await;
    for kind in 0..17 {
        peer.read(&format!("kind-{kind}"), 1.0).await;
    }
    let error = "line is not understood: a device measures at most 16 kinds";
    assert_eq!(peer.next().await.unwrap(), json!({"error": error}));
    peer.read("kind-3", 2.0).await;
    settle().await;
    let snapshot = gateway.snapshot();
    let device = snapshot.device("pump-1").unwrap();
    assert_eq!((device.kinds.len(), device.readings), (16, 17));
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_slowed_down_and_nobody_else_is() {
    let gateway = gateway();
    let mut events = gateway.events();
    let mut calm = Peer::hello(&gateway, "calm").await;
    let mut flood = Peer::hello(&gateway, "flood").await;
    let start = Instant::now();
    let sent = tokio::spawn(async move {
        let mut sent = 0;
        // It writes whenever there is room.
        while start.elapsed() < 10 * SECOND {
            flood.read("level", 1.0).await;
            sent += 1;
        }
        (sent, flood)
    });
    for sent in 1..=100 {
        sleep(SECOND / 10).await;
        let now = Instant::now();
        calm.read("level", 1.0).await;
        settle().await;
        // Taken in the middle of the flood, and at once: no time has passed.
        assert_eq!(gateway.snapshot().device("calm").unwrap().readings, sent);
        assert_eq!(now.elapsed(), Duration::ZERO);
    }
    let (sent, flood) = sent.await.unwrap();
    drop(flood);
    sleep(SECOND).await;

    let snapshot = gateway.snapshot();
    let device = snapshot.device("flood").unwrap();
    // 50 at once, and 50 a second; each of these was followed by one too many.
    assert!((545..=565).contains(&device.readings), "{device:?}");
    assert!((495..=515).contains(&device.dropped), "{device:?}");
    assert_eq!(device.readings + device.dropped, sent);
    assert_eq!(snapshot.device("calm").unwrap().readings, 100);
    let told = happened(&mut events);
    let floods = told.iter().filter(|event| event.starts_with("flooding"));
    assert_eq!(floods.count(), 1, "told once");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_answers_is_slowed_down_too() {
    let gateway = gateway();
    let mut peer = Peer::hello(&gateway, "pump-1").await;
    let start = Instant::now();
    for number in 0..1000 {
        peer.send(&json!({"ack": number, "ok": true})).await;
    }
    // 950 more than may come at once, two each 20 ms, less what the buffers hold.
    let took = start.elapsed().as_secs_f64();
    assert!((8.5..9.5).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn when_it_is_full_newcomers_are_told() {
    let gateway = Gateway::new(Options {
        max_connections: 2,
        ..Options::default()
    });
    let _first = Peer::hello(&gateway, "pump-1").await;
    let second = Peer::hello(&gateway, "pump-2").await;
    let mut third = Peer::connect(&gateway);
    assert_eq!(third.rest().await, [json!({"bye": "the gateway is full"})]);
    drop(second);
    settle().await;
    let _fourth = Peer::hello(&gateway, "pump-4").await;
    assert_eq!(gateway.totals().refused, 1);
}

#[tokio::test(start_paused = true)]
async fn who_was_offline_for_the_longest_time_is_forgotten_first() {
    let gateway = Gateway::new(Options {
        max_devices: 3,
        ..Options::default()
    });
    let _stays = Peer::hello(&gateway, "stays").await;
    for id in ["old", "new", "newer"] {
        drop(Peer::hello(&gateway, id).await);
        settle().await;
    }
    let known: Vec<String> = gateway
        .snapshot()
        .devices
        .iter()
        .map(|d| d.id.to_string())
        .collect();
    assert_eq!(known, ["new", "newer", "stays"]);
    // Who is online is never forgotten.
    let _new = Peer::hello(&gateway, "new").await;
    let _another = Peer::hello(&gateway, "another").await;
    let mut more = Peer::connect(&gateway);
    more.send(&json!({"hello": "more"})).await;
    assert_eq!(more.rest().await, [json!({"bye": "the gateway is full"})]);
    assert_eq!((gateway.totals().known, gateway.totals().online), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn nobody_who_listens_slows_the_gateway_down() {
    let gateway = Gateway::new(Options {
        events: 16,
        ..Options::default()
    });
    let mut idle = gateway.events();
    let mut peer = Peer::hello(&gateway, "pump-1").await;
    for _ in 0..40 {
        peer.read("level", 1.0).await;
    }
    settle().await;
    assert_eq!(gateway.totals().readings, 40);
    let missed = idle.recv().await.unwrap_err();
    assert_eq!(missed.to_string(), "channel lagged by 25");
}
