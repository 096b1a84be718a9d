//! The lesson as a reader runs it, and its Python programs.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::{Command, Output};

use common::testing;

fn lesson(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_queues"));
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
    assert_eq!(parts.len(), 14);
    assert_eq!(parts.concat(), whole);
}

/// A megabyte waits for each message that waits, and one more is in the producer's hands.
#[test]
fn memory_grows_with_the_queue() {
    let printed = printed(&["--instant", "--memory", "unbounded"]);
    if !printed.contains("MB more") {
        testing::skip("this system does not say how much memory a process uses");
        return;
    }
    let more: Vec<u32> = printed
        .lines()
        .filter_map(|line| {
            line.strip_suffix(" MB more")?
                .rsplit(' ')
                .next()?
                .parse()
                .ok()
        })
        .collect();
    assert_eq!(more.len(), 6, "{printed}");
    assert!(more[0] >= 4 && more[2] >= more[0] + 8, "{printed}");
    assert!(more[5] <= more[3] + 2, "{printed}");
}

#[test]
fn a_part_that_does_not_exist_is_told_in_one_line() {
    let output = lesson(&["presure"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told, "queues: there is no part \"presure\"; see --help\n");
}

/// `Queue.shutdown` came with Python 3.13. What the chapter says of both is checked by whichever
/// Python is there.
#[test]
fn closing_in_python() {
    let Some(python) = testing::python(&[]) else {
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/queue-shutdown.py");
    let output = Command::new(python).arg(script).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let printed = printed.replace("\r\n", "\n");
    if printed.contains("there is no") {
        assert_eq!(printed, "there is no Queue.shutdown before Python 3.13\n");
    } else {
        let expected = "a put that waits: QueueShutDown\n\
                        put: QueueShutDown\n\
                        get: 1\n\
                        get: QueueShutDown\n\
                        immediate: 0 left\n\
                        get: QueueShutDown\n";
        assert_eq!(printed, expected);
    }
}

/// An item that another thread puts there is found when something else wakes the loop.
#[test]
fn a_queue_of_asyncio_belongs_to_one_thread() {
    let Some(python) = testing::python(&[]) else {
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/other-thread.py");
    let output = Command::new(python).arg(script).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let after = printed.trim_end().strip_prefix("item, after ");
    let after = after.and_then(|after| after.strip_suffix(" s"));
    let after: f64 = after.unwrap().parse().unwrap();
    assert!(after >= 0.6, "the loop was woken: {printed}");
}
