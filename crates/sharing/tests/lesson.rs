//! The lesson as a reader runs it, and the names that its chapter gives.
#![allow(clippy::unwrap_used, reason = "tests panic")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn lesson(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sharing"));
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
    assert_eq!(parts.len(), 13);
    assert_eq!(parts.concat(), whole);
}

#[test]
fn a_part_that_does_not_exist_is_told_in_one_line() {
    let output = lesson(&["deadlok"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "sharing: there is no part \"deadlok\"; see --help\n"
    );
}

/// Each row of the chapter's table names tests. They exist, and each row has one.
#[test]
fn the_tests_that_the_table_names_exist() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = fs::read_dir(here.join("src")).unwrap();
    let sources: String = files
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let chapter = fs::read_to_string(here.join("../../tutorials/19-sharing.md")).unwrap();
    let (_, table) = chapter.split_once("### The table").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| "));
    let rows: Vec<&str> = rows.skip(1).collect(); // the first says what the columns are
    assert!(rows.len() > 15, "{}", rows.len());
    for row in rows {
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test: {row}");
        for name in names {
            assert!(sources.contains(&format!("fn {name}(")), "no test {name}");
        }
    }
}
