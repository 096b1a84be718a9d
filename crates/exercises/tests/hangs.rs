//! A check that hangs ends within seconds and says how it hangs.
//!
//! Each hang is an ignored test of this file, run by itself in another process.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap, and so may its helpers: the panic is the report"
)]

use std::process::{Command, Output};
use std::sync::Mutex;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use exercises::protocol::{Message, VARIABLE};
use exercises::{Hang, check, check_real, if_it_hangs};
use tokio::time::{interval, sleep};

fn run(name: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--ignored", "--nocapture"])
        .env(VARIABLE, "1")
        .output()
        .unwrap()
}

/// How the test `name` hangs, what is said of it, and the misconception.
fn hang(name: &str) -> (String, String, Option<String>) {
    let output = run(name);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let errors = String::from_utf8(output.stderr).unwrap();
    match errors.lines().find_map(Message::of_line) {
        Some(Message::Hang {
            how,
            what,
            misconception,
        }) => (how, what, misconception),
        other => panic!("{other:?} in {errors}"),
    }
}

#[test]
#[ignore = "hangs"]
fn waits_for_nobody() {
    check(async {
        sleep(Duration::from_secs(2)).await;
        std::future::pending::<()>().await;
    });
}

#[test]
fn pending_forever_is_told_with_its_time() {
    let (how, what, misconception) = hang("waits_for_nobody");
    assert_eq!((how.as_str(), misconception), ("pending", None));
    assert!(what.contains("at 2.0 s everything waits"), "{what}");
}

#[test]
#[ignore = "hangs"]
fn waits_beside_a_ticking_task() {
    check(async {
        tokio::spawn(async {
            let mut ticks = interval(Duration::from_secs(1));
            loop {
                ticks.tick().await;
            }
        });
        std::future::pending::<()>().await;
    });
}

#[test]
fn pending_beside_a_timer_that_ticks_is_told_apart() {
    let (how, what, _) = hang("waits_beside_a_ticking_task");
    assert_eq!(how, "pending");
    assert!(what.contains("some timer ticks on"), "{what}");
}

#[test]
#[ignore = "hangs"]
fn waits_for_a_thread_that_never_answers() {
    check_real(async {
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let _kept = sender;
        // What it answers is not the point: it does not.
        let _ = receiver.await;
    });
}

#[test]
fn pending_on_the_real_clock_is_told() {
    let (how, what, _) = hang("waits_for_a_thread_that_never_answers");
    assert_eq!(how, "pending");
    assert!(what.contains("for seconds nothing has happened"), "{what}");
}

#[test]
#[ignore = "hangs"]
fn blocks_in_a_task() {
    check(async {
        if_it_hangs(Hang::Blocked, "some-belief", "The task sleeps.");
        if_it_hangs(Hang::Pending, "another-belief", "Nobody wakes it.");
        let task = tokio::spawn(async { thread::sleep(Duration::from_secs(100)) });
        // It does not end.
        let _ = task.await;
    });
}

#[test]
fn a_blocked_thread_is_told_and_named() {
    let (how, what, misconception) = hang("blocks_in_a_task");
    assert_eq!(how, "blocked");
    assert!(what.ends_with("The task sleeps."), "{what}");
    assert_eq!(misconception.as_deref(), Some("some-belief"));
}

#[test]
#[ignore = "hangs"]
fn locks_twice() {
    check(async {
        let lock = Mutex::new(());
        let _first = lock.lock();
        let _second = lock.lock();
    });
}

/// The standard library may also panic here, as its documentation says. It does not on the
/// platforms of this project.
#[test]
fn a_lock_that_its_own_thread_holds_blocks_the_thread() {
    let (how, what, _) = hang("locks_twice");
    assert_eq!(how, "blocked");
    assert!(what.contains("`std::sync::Mutex`"), "{what}");
}

#[test]
#[ignore = "hangs"]
fn wakes_itself_for_ever() {
    check(std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        Poll::Pending
    }));
}

#[test]
fn spinning_is_told_from_blocking() {
    let (how, what, _) = hang("wakes_itself_for_ever");
    assert_eq!(how, "spinning");
    assert!(what.contains("polled without a pause"), "{what}");
}

#[test]
#[ignore = "takes a while"]
fn waits_for_half_an_hour() {
    check(async { sleep(Duration::from_mins(30)).await });
}

#[test]
fn what_takes_long_on_virtual_time_does_not_hang() {
    assert!(run("waits_for_half_an_hour").status.success());
}
