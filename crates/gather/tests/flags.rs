//! What the program answers to its flags. The stage is the same in every lesson; this one stands
//! for all.

#![allow(clippy::unwrap_used, reason = "the panic of a test is its report")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

fn gather(args: &[&str]) -> Output {
    let mut gather = Command::new(env!("CARGO_BIN_EXE_gather"));
    gather.args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn temporary(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn a_mistake_is_one_line_and_exit_code_2() {
    for (args, line) in [
        (
            &["--speed", "9"][..],
            "gather: there is no flag --speed; see --help\n",
        ),
        (
            &["five"],
            "gather: unexpected argument \"five\"; see --help\n",
        ),
        (
            &["--tasks", "-1"],
            "gather: --tasks cannot be \"-1\": invalid digit found in string\n",
        ),
        (
            &["--tasks", "1000001"],
            "gather: --tasks takes at most 1000000: more may not fit into memory\n",
        ),
        (
            &["--timeline=x.png"],
            "gather: --timeline cannot write x.png: name a file that ends in .svg, .txt, .json or .trace.json\n",
        ),
    ] {
        let output = gather(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(text(&output.stderr), line);
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_the_run() {
    let missing = temporary("no such folder").join("x.svg");
    let output = gather(&[&format!("--timeline={}", missing.display())]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("gather: --timeline cannot write"));
    assert_eq!(text(&output.stderr).lines().count(), 1);
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn help_is_no_mistake() {
    let output = gather(&["--help"]);
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("--tasks N"));
}

#[test]
fn two_runs_on_virtual_time_write_the_same_files() {
    for ending in ["svg", "txt", "json", "trace.json"] {
        let files = ["one", "two"].map(|run| {
            let file = temporary(&format!("{run}.{ending}"));
            let output = gather(&["--instant", &format!("--timeline={}", file.display())]);
            assert!(output.status.success());
            fs::read(file).unwrap()
        });
        assert!(!files[0].is_empty());
        assert_eq!(files[0], files[1], "{ending}");
    }
}

#[test]
fn virtual_time_prints_what_real_time_prints() {
    let output = gather(&["--instant"]);
    let printed = text(&output.stdout);
    assert!(printed.contains("together: 2.0 s\n"), "{printed}");
    assert!(printed.ends_with("one by one: 10.0 s\n"), "{printed}");
}

#[test]
fn the_timeline_is_plain_text_where_no_terminal_is() {
    let output = gather(&["--instant", "--timeline", "--ascii"]);
    let printed = text(&output.stdout);
    assert!(printed.is_ascii(), "{printed}");
    assert!(printed.contains("\nwait(3) |#"), "{printed}");
    assert!(printed.lines().all(|line| line.len() <= 80), "{printed}");
}

#[test]
fn a_reader_who_goes_away_is_no_panic() {
    // Gone before the program begins, so that it meets nobody at its first line.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut gather = Command::new(env!("CARGO_BIN_EXE_gather"));
    let output = gather
        .arg("--instant")
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn tasks_are_counted_and_measured() {
    let output = gather(&["--instant", "--tasks", "2000"]);
    let printed = text(&output.stdout);
    assert!(printed.starts_with("2000 tasks of 1 s: "), "{printed}");
    assert!(printed.contains("\nmemory: "), "{printed}");
    assert!(gather(&["--instant", "--tasks", "0"]).status.success());
}
