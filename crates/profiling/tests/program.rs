//! The program as a reader runs it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_profiling"))
        .args(arguments)
        .output()
        .unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn slow_polls_are_told_with_their_place() {
    let warnings = |arguments| {
        let printed = printed(arguments);
        let lines = printed
            .lines()
            .filter(|line| line.starts_with("slow poll: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = warnings(&["--instant", "--slow-polls", "10"]);
    assert_eq!(before.len(), 60);
    let line = before[0].replace('\\', "/");
    assert!(
        line.starts_with("slow poll: order held its thread 10 ms (crates/profiling/src/shop.rs:"),
        "{line}"
    );
    assert!(warnings(&["--instant", "--slow-polls", "11"]).is_empty());
    assert!(warnings(&["--instant", "--slow-polls", "1", "--fix", "prices"]).is_empty());
}

#[test]
fn several_threads_are_an_option() {
    let printed = printed(&[
        "--clients",
        "2",
        "--orders",
        "1",
        "--threads",
        "2",
        "--metrics",
    ]);
    assert!(printed.contains("runtime     workers: 2"), "{printed}");
}

#[test]
fn mistakes_are_told_in_one_line() {
    let mistakes: [&[&str]; 14] = [
        &["--clients", "0"],
        &["--clients", "-1"],
        &["--clients", "many"],
        &["--clients", "99999999999"],
        &["--orders", "1001"],
        &["--threads", "0"],
        &["--slow-polls", "0"],
        &["--slow-polls", "0.5"],
        &["--fix", "everything"],
        &["--fix", ""],
        &["--instant", "--threads", "2"],
        &["--instant", "--forever"],
        &["--compare", "--forever"],
        &["--compare", "--fix", "rate"],
    ];
    for arguments in mistakes {
        let output = run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
    }
}
