//! The lesson as a reader runs it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::{Command, Output};

fn lesson(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_overload"));
    command.arg("--instant").args(arguments).output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = lesson(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_whole_is_its_parts() {
    let whole = printed(&[]);
    let names = whole.lines().filter_map(|line| line.strip_prefix("-- "));
    let parts: Vec<String> = names.map(|name| printed(&[name])).collect();
    assert_eq!(parts.len(), 5);
    assert_eq!(parts.concat(), whole);
}

#[test]
fn a_mistake_is_one_line_and_exit_code_2() {
    for (arguments, told) in [
        (&["rushes"][..], "there is no part \"rushes\"; see --help"),
        (&["--load", "0"], "--load takes 5 to 1000 percent"),
        (&["--load", "1001"], "--load takes 5 to 1000 percent"),
        (&["--places", "0"], "--places takes 1 to 100000"),
        (
            &["--places", "ten"],
            "--places cannot be \"ten\": invalid digit found in string",
        ),
    ] {
        let output = lesson(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(errors, format!("overload: {told}\n"));
    }
}
