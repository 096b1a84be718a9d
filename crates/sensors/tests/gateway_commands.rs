//! Commands: to devices that answer, refuse, are slow, deaf, or gone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod peer;

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::join_all;
use peer::{Peer, happened, settle};
use sensors::{Ack, Command, CommandError, Gateway, Options};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

fn gateway() -> Gateway {
    Gateway::new(Options::default())
}

/// A device that stays online by itself, and answers nothing. It may not even read.
fn stay_online(mut peer: Peer, reads: bool) {
    tokio::spawn(async move {
        loop {
            sleep(SECOND).await;
            peer.read("level", 1.0).await;
            while reads && peer.next().now_or_never().is_some() {}
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_device_answers() {
    let gateway = gateway();
    let mut peer = Peer::hello(&gateway, "pump-1").await;
    let device = async {
        let first = json!({"command": 1, "do": "identify"});
        assert_eq!(peer.next().await.unwrap(), first);
        sleep(SECOND).await;
        peer.send(&json!({"ack": 1, "ok": true})).await;
        let second = json!({"command": 2, "do": "reboot"});
        assert_eq!(peer.next().await.unwrap(), second);
        peer.send(&json!({"ack": 2, "ok": false, "error": "not now"}))
            .await;
    };
    let caller = async {
        let start = Instant::now();
        let done = gateway.command("pump-1", Command::Identify).await;
        let (ok, error) = (true, None);
        assert_eq!(done, Ok(Ack { ok, error }));
        assert_eq!(start.elapsed(), SECOND);
        let refused = gateway.command("pump-1", Command::Reboot).await;
        let (ok, error) = (false, Some("not now".to_owned()));
        assert_eq!(refused, Ok(Ack { ok, error }));
    };
    tokio::join!(device, caller);
    let totals = gateway.totals();
    assert_eq!((totals.commands, totals.acks), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn answers_find_their_commands_in_any_order() {
    let gateway = gateway();
    let mut peer = Peer::hello(&gateway, "pump-1").await;
    let device = async {
        for _ in 0..3 {
            peer.next().await.unwrap();
        }
        for number in [3, 99, 1, 2, 2] {
            let error = number.to_string();
            peer.send(&json!({"ack": number, "ok": false, "error": error}))
                .await;
        }
    };
    let callers = join_all((1..=3).map(|_| gateway.command("pump-1", Command::Identify)));
    let (answers, ()) = tokio::join!(callers, device);
    let answers: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.unwrap().error.unwrap())
        .collect();
    assert_eq!(answers, ["1", "2", "3"]);
    assert_eq!(
        gateway.totals().bad_lines,
        0,
        "an answer that nobody waits for is no mistake"
    );
}

#[tokio::test(start_paused = true)]
async fn a_command_to_an_offline_device_fails_at_once() {
    let gateway = gateway();
    let start = Instant::now();
    let unknown = gateway.command("pump-1", Command::Identify).await;
    assert_eq!(unknown, Err(CommandError::Offline));
    drop(Peer::hello(&gateway, "pump-1").await);
    settle().await;
    let gone = gateway.command("pump-1", Command::Identify).await;
    assert_eq!(gone, Err(CommandError::Offline));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_an_answer_after_five_seconds() {
    let gateway = gateway();
    stay_online(Peer::hello(&gateway, "pump-1").await, true);
    let start = Instant::now();
    let answer = gateway.command("pump-1", Command::Identify).await;
    assert_eq!(answer, Err(CommandError::Unanswered(5 * SECOND)));
    assert_eq!(start.elapsed(), 5 * SECOND);
    assert!(gateway.snapshot().device("pump-1").unwrap().online);
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_told_when_the_connection_ends() {
    let gateway = gateway();
    // Sent and unanswered, by a device that then goes.
    let mut peer = Peer::hello(&gateway, "pump-1").await;
    let goes = async {
        peer.next().await.unwrap();
        sleep(SECOND).await;
        drop(peer);
    };
    let start = Instant::now();
    let (answer, ()) = tokio::join!(gateway.command("pump-1", Command::Identify), goes);
    assert_eq!(answer, Err(CommandError::Disconnected));
    assert_eq!(start.elapsed(), SECOND);

    // A newer connection does not get what was sent on the older one.
    let _older = Peer::hello(&gateway, "pump-1").await;
    let takeover = async {
        settle().await;
        Peer::hello(&gateway, "pump-1").await
    };
    let (answer, mut newer) = tokio::join!(gateway.command("pump-1", Command::Reboot), takeover);
    assert_eq!(answer, Err(CommandError::Disconnected));
    assert!(newer.next().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn commands_are_bounded() {
    let gateway = gateway();
    stay_online(Peer::hello(&gateway, "pump-1").await, true);
    let start = Instant::now();
    let answers = join_all((0..100).map(|_| gateway.command("pump-1", Command::Identify))).await;
    let busy = answers
        .iter()
        .filter(|answer| **answer == Err(CommandError::Busy));
    assert_eq!(busy.count(), 100 - 16);
    assert_eq!(start.elapsed(), 5 * SECOND);
    // Those that nobody waits for any more do not count: sixteen may wait again.
    for _ in 0..2 {
        let mut more: Vec<_> = (0..16)
            .map(|_| Box::pin(gateway.command("pump-1", Command::Identify)))
            .collect();
        for command in &mut more {
            assert!(command.as_mut().now_or_never().is_none());
        }
        settle().await;
        let mut one_more = Box::pin(gateway.command("pump-1", Command::Identify));
        assert!(one_more.as_mut().now_or_never().is_none());
        settle().await;
        assert_eq!(one_more.await, Err(CommandError::Busy));
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_reads_nothing_is_found_when_the_pipe_is_full() {
    let gateway = gateway();
    let mut events = gateway.events();
    // It sends readings, but nobody ever takes a line from its end.
    stay_online(Peer::hello(&gateway, "pump-1").await, false);
    let mut answers = Vec::new();
    for _ in 0..20 {
        let burst = join_all((0..16).map(|_| gateway.command("pump-1", Command::Identify)));
        answers.extend(burst.await);
    }
    assert!(answers.iter().all(Result::is_err));
    let told = happened(&mut events);
    let end = "offline pump-1 it read nothing for 5 s";
    assert!(told.iter().any(|event| event == end), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_nobody_waits_for_is_not_sent() {
    let gateway = gateway();
    let mut peer = Peer::hello(&gateway, "pump-1").await;
    // It is in the outbox when it is dropped: the connection has not run in between.
    assert!(
        gateway
            .command("pump-1", Command::Reboot)
            .now_or_never()
            .is_none()
    );
    settle().await;
    assert!(peer.next().now_or_never().is_none());
    assert_eq!(gateway.totals().commands, 0);
}

#[tokio::test(start_paused = true)]
async fn an_interval_counts_from_its_answer_on_and_is_remembered() {
    let gateway = gateway();
    let mut peer = Peer::hello(&gateway, "pump-1").await;
    let device = async {
        assert_eq!(
            peer.next().await.unwrap(),
            json!({"command": 1, "do": "set_interval", "seconds": 20.0})
        );
        peer.send(&json!({"ack": 1, "ok": true})).await;
    };
    let slower = Command::SetInterval { seconds: 20.0 };
    let (answer, ()) = tokio::join!(gateway.command("pump-1", slower), device);
    assert!(answer.unwrap().ok);
    let start = Instant::now();
    assert_eq!(
        peer.rest().await,
        [json!({"bye": "nothing heard for 60 s"})]
    );
    assert_eq!(start.elapsed(), 60 * SECOND);

    let mut again = Peer::connect(&gateway);
    again.send(&json!({"hello": "pump-1"})).await;
    let welcome = json!({"welcome": "pump-1", "every": 20.0});
    assert_eq!(again.next().await.unwrap(), welcome);
}

#[tokio::test(start_paused = true)]
async fn an_interval_counts_also_when_its_answer_comes_too_late() {
    let gateway = gateway();
    let mut peer = Peer::hello(&gateway, "pump-1").await;
    let slower = Command::SetInterval { seconds: 20.0 };
    let gave_up = timeout(SECOND, gateway.command("pump-1", slower)).await;
    assert!(gave_up.is_err());
    peer.send(&json!({"ack": 1, "ok": true})).await;
    sleep(50 * SECOND).await;
    let snapshot = gateway.snapshot();
    let device = snapshot.device("pump-1").unwrap();
    assert!(device.online);
    assert_eq!((device.every, snapshot.totals.acks), (20.0, 0));
}

#[tokio::test(start_paused = true)]
async fn intervals_are_checked() {
    let gateway = gateway();
    let _peer = Peer::hello(&gateway, "pump-1").await;
    for seconds in [0.0, -1.0, 0.09, 3601.0, f64::NAN, f64::INFINITY, 1e300] {
        let command = Command::SetInterval { seconds };
        let answer = gateway.command("pump-1", command).await;
        let why = "set_interval takes from 0.1 to 3600 seconds";
        assert_eq!(answer, Err(CommandError::Invalid(why.into())), "{seconds}");
    }
}
