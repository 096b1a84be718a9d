//! The lesson as a reader runs it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::{Command, Output};

fn lesson(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blocking"));
    command.args(arguments).output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = lesson(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn one_tick_is_late() {
    let printed = printed(&["--instant"]);
    let late = printed.lines().filter(|line| line.ends_with("late"));
    let late: Vec<_> = late.filter(|line| !line.ends_with(" 0.0 s late")).collect();
    assert_eq!(late, ["  tick 3: 0.3 s late"]);
}

#[test]
fn blocking_calls_leave_no_turn_to_others_and_their_async_versions_do() {
    let printed = printed(&["kinds"]);
    let rows: Vec<_> = printed.lines().skip(2).collect();
    assert_eq!(rows.len(), 6);
    for row in rows {
        let (blocking, awaited) = row.split_once('|').unwrap();
        assert!(blocking.ends_with(" ms,      0 turns "), "{row}");
        // The pool may have the file or the name before anybody asks for it.
        let may_be_at_once = row.starts_with("read a file") || row.starts_with("resolve");
        assert!(
            may_be_at_once || !awaited.ends_with(" ms,      0 turns"),
            "{row}"
        );
    }
}

#[test]
fn the_budget_is_128() {
    let printed = printed(&["budget"]);
    let rounds = printed.lines().skip(2);
    let rounds = rounds.map(|line| line.split_whitespace().next().unwrap());
    let rounds: Vec<_> = rounds.collect();
    assert_eq!(rounds, ["128", "1000", "1000", "1000", "128", "1"]);
}

#[test]
fn the_lock_ends_in_a_report_and_its_cures_count_to_four() {
    let printed = printed(&["lock"]);
    let lines: Vec<_> = printed.lines().skip(3).collect();
    let [wants, stuck, short, awaited] = lines[..] else {
        panic!("{printed}");
    };
    assert_eq!(wants, "second: wants the lock");
    assert!(stuck.ends_with("ms: second has the thread"), "{stuck}");
    assert_eq!(short, "not held while it waits: 4");
    assert_eq!(awaited, "a lock that is awaited: 4");
}

#[test]
fn the_watchdog_names_the_rude_one() {
    let printed = printed(&["watchdog"]);
    assert!(printed.contains("ms: rude has the thread\n"), "{printed}");
    assert!(printed.ends_with("all are done\n"), "{printed}");
}

#[test]
fn a_part_that_does_not_exist_is_told_in_one_line() {
    let output = lesson(&["kinds", "kind"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(output.stdout, b"");
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told, "blocking: there is no part \"kind\"; see --help\n");
}

/// What `compute` saves its caller from. In a process of its own, because that ends.
#[test]
fn a_panic_that_reaches_rayon_ends_the_process() {
    const CHILD: &str = "BLOCKING_TEST_PANICS";
    if std::env::var_os(CHILD).is_some() {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        rayon::spawn(move || {
            let _done = done;
            panic!("no such table")
        });
        let _ = wait.recv();
        std::thread::park();
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "a_panic_that_reaches_rayon_ends_the_process"]);
    let output = child
        .args(["--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("Rayon: detected unexpected panic; aborting"),
        "{told}"
    );
}
