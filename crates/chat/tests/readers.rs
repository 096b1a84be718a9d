//! `readers` and its twin say the same, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::path::Path;
use std::process::Command;

use common::testing;

fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    // Where lines end with another mark, Python uses that.
    String::from_utf8(output.stdout)
        .unwrap()
        .replace("\r\n", "\n")
}

fn rust(words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_readers"));
    printed(command.arg("--instant").args(words))
}

#[test]
fn the_twin_prints_the_same() {
    let Some(python) = testing::python(&[]) else {
        return;
    };
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for words in [&[][..], &["queue", "loop"]] {
        let mut command = Command::new(&python);
        command
            .arg(crates.join("common/timeline.py"))
            .arg("--instant");
        command.arg(crates.join("chat/readers.py")).args(words);
        assert_eq!(printed(&mut command), rust(words));
    }
}

/// What each way does to those who read, in one line each.
#[test]
fn only_with_a_queue_nobody_waits_for_the_slow_one() {
    for (way, expected) in [
        ("loop", "5 at 4.3"),
        ("gather", "5 at 4.3"),
        ("lock", "5 at 4.3"),
        ("queue", "5 at 2.5"),
    ] {
        let lines = rust(&[way]);
        let ada = lines.lines().find(|line| line.starts_with("Ada:")).unwrap();
        assert!(ada.contains(expected), "{way}: {ada}");
        let told = lines.contains("(missed 2)");
        assert_eq!(told, way == "queue", "{way}: {lines}");
    }
}
