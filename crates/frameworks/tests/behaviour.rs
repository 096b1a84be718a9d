//! The comparison that the chapter shows is what `compare` sees.

#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]
// Windows has no Ctrl-C for one process alone.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::process::Command;

/// What stands in a table: by row and column.
type Cells = BTreeMap<(String, String), String>;

/// Reads the tables: a line that is not indented and has cells is a head, the indented ones below it
/// are its rows.
fn cells(text: &str) -> Cells {
    let mut head: Vec<String> = Vec::new();
    let mut cells = Cells::new();
    for line in text.lines() {
        let words: Vec<String> = line
            .split("  ")
            .map(|cell| cell.trim().to_owned())
            .filter(|cell| !cell.is_empty())
            .collect();
        let Some((label, row)) = words.split_first() else {
            continue;
        };
        if line.starts_with("  ") {
            let row = row.iter().zip(&head[1..]);
            let place = |column: &String| (format!("{}: {label}", head[0]), column.clone());
            cells.extend(row.map(|(cell, column)| (place(column), cell.clone())));
        } else {
            head = words;
        }
    }
    cells
}

#[test]
fn the_chapter_shows_what_is_seen() {
    let output = Command::new(env!("CARGO_BIN_EXE_frameworks"))
        .args(["compare", "--behaviour"])
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    let seen = String::from_utf8(output.stdout).unwrap();
    let seen = cells(&seen);
    assert!(seen.len() >= 48, "only {seen:?}");

    let chapter = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tutorials/21-frameworks.md"
    );
    let chapter = std::fs::read_to_string(chapter).unwrap();
    let block = chapter
        .split("```text\n")
        .find(|block| block.starts_with("lines of code "))
        .unwrap();
    let shown = cells(block.split("```").next().unwrap());
    for (place, cell) in &seen {
        assert_eq!(shown.get(place), Some(cell), "{place:?}");
    }
}

/// One line, and the exit code, of a command that is wrong.
fn refused(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_frameworks"))
        .args(arguments)
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors.lines().count(), 1, "{errors}");
    (output.status.code().unwrap(), errors)
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    for arguments in [
        &["flask"][..],
        &["axum", "hyper"],
        &["--port", "70000"],
        &["--time-limit", "-1"],
        &["--patience", "soon"],
        &["--grace", "1e300"],
        &["compare", "--seconds", "0"],
        &["compare", "--seconds", "1e9"],
        &["compare", "--only", "django"],
        &["compare", "--only", ""],
        &["--instant"],
    ] {
        assert_eq!(refused(arguments).0, 2, "{arguments:?}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, line) = refused(&["hyper", "--port", &port]);
    assert_eq!(code, 1);
    assert!(line.contains("choose another with --port"), "{line}");
}
