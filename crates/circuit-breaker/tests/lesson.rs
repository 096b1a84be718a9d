//! The lesson as a reader runs it.

#![allow(clippy::unwrap_used, reason = "the panic of a test is its report")]

use std::process::{Command, Output};

fn lesson(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_circuit-breaker"));
    command.args(arguments).output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = lesson(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_whole_is_its_parts() {
    let whole = printed(&["--instant"]);
    let names = whole.lines().filter_map(|line| line.strip_prefix("-- "));
    let parts: Vec<String> = names.map(|name| printed(&["--instant", name])).collect();
    assert_eq!(parts.len(), 10);
    assert_eq!(parts.concat(), whole);
}

#[test]
fn the_breaker_opens_probes_twice_and_closes() {
    let life = printed(&["--instant", "life"]);
    let changes: Vec<&str> = life
        .lines()
        .filter(|line| line.contains("breaker:"))
        .collect();
    let expected = [
        "  3.8 s  breaker: open",
        "  7.0 s  breaker: half-open",
        "  7.8 s  breaker: open",
        " 11.0 s  breaker: half-open",
        " 11.2 s  breaker: closed",
    ];
    assert_eq!(changes, expected);
}

#[test]
fn a_mistake_is_one_line_and_exit_code_2() {
    for (argument, line) in [
        (
            "lief",
            "circuit-breaker: there is no part \"lief\"; see --help\n",
        ),
        ("", "circuit-breaker: there is no part \"\"; see --help\n"),
        (
            "--parts",
            "circuit-breaker: there is no flag --parts; see --help\n",
        ),
    ] {
        let output = lesson(&[argument]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), line);
    }
}
