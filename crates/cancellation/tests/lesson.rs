//! The lesson as a reader runs it.

use std::process::{Command, Output};

fn lesson(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cancellation"));
    match command.args(arguments).output() {
        Ok(output) => output,
        Err(error) => panic!("{arguments:?}: {error}"),
    }
}

fn printed(arguments: &[&str]) -> String {
    let output = lesson(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_whole_is_its_parts() {
    let whole = printed(&["--instant"]);
    let names = whole.lines().filter_map(|line| line.strip_prefix("-- "));
    let parts: Vec<String> = names.map(|name| printed(&["--instant", name])).collect();
    assert_eq!(parts.len(), 12);
    assert_eq!(parts.concat(), whole);
}

#[test]
fn the_cleanup_runs_before_the_cancelled_task_is_told_of() {
    let expected = "-- abort\n\
                    work(5): begins\n\
                    asked it to stop\n\
                    work(5): tools put away\n\
                    it was cancelled\n\
                    it never began\n";
    assert_eq!(printed(&["--instant", "abort"]), expected);
}

#[test]
fn a_part_that_does_not_exist_is_told_in_one_line() {
    let output = lesson(&["tiemout"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        told,
        "cancellation: there is no part \"tiemout\"; see --help\n"
    );
}
