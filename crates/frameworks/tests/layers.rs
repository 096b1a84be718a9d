//! The steps of `layers`, on the paused clock.

#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::process::{Command, Output};

fn layers(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_layers"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn each_step_is_a_part_of_the_whole() {
    let text = |arguments: &[&str]| String::from_utf8(layers(arguments).stdout).unwrap();
    let steps = ["bytes", "hyper", "graceful", "timeout", "queue", "axum"];
    let parts: String = steps.map(|step| text(&["--instant", step])).concat();
    assert_eq!(text(&["--instant"]), parts);
    for seen in [
        "two requests in one piece  200 \"you asked for /milk\"\n",
        "two requests in one piece  200 \"you asked for /milk\", then 200 \"you asked for /bread\"\n",
        "dropped                    closed without an answer\n",
        "graceful_shutdown          200 \"you asked for /slow\"\n",
        "tower's timeout            closed without an answer\n",
        "503 \"service overloaded\" after 0.0 s\n",
        "503 \"request timed out\" after 0.5 s\n",
        "a method that is not there 405\n",
    ] {
        assert!(parts.contains(seen), "{seen}");
    }
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    for arguments in [&["tornado"][..], &["bytes", "hyper"], &["--port", "1"]] {
        let output = layers(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}
