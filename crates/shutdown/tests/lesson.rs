//! The lesson as a reader runs it.

use std::process::{Command, Output};
use std::time::Duration;

fn run(program: &str, arguments: &[&str]) -> Output {
    match Command::new(program).args(arguments).output() {
        Ok(output) => output,
        Err(error) => panic!("{program}: {error}"),
    }
}

fn lesson(arguments: &[&str]) -> Output {
    run(env!("CARGO_BIN_EXE_shutdown"), arguments)
}

#[test]
fn exit_codes_tell_how_it_ended() {
    for (arguments, code) in [
        (&["--instant"][..], 0),
        (&["--instant", "--interrupt-after", "5.3"], 0),
        (&["--instant", "--interrupt-after", "5.3,6"], 130),
        (&["--instant", "--interrupt-after", "soon"], 2),
        (&["--instant", "--interrupt-after", "-1"], 2),
        (&["--instant", "tea"], 2),
    ] {
        let output = lesson(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {output:?}");
    }
}

#[test]
fn what_is_left_can_be_done_by_the_next_run() {
    let first = lesson(&["--instant", "--interrupt-after", "5.3"]);
    let first = String::from_utf8_lossy(&first.stdout).into_owned();
    let left = first
        .trim_end()
        .rsplit_once(" -- ")
        .map_or("", |(_, left)| left);
    assert_eq!(left, "7 8 6 9 10");
    let mut arguments = vec!["--instant"];
    arguments.extend(left.split(' '));
    let second = lesson(&arguments);
    assert!(second.status.success(), "{second:?}");
    let second = String::from_utf8_lossy(&second.stdout).into_owned();
    assert!(second.ends_with("done: 7 8 6 9 10\n"), "{second}");
}

#[test]
fn a_task_is_dropped_and_a_thread_is_waited_for() {
    let output = run(env!("CARGO_BIN_EXE_main-returns"), &[]);
    let printed = String::from_utf8_lossy(&output.stdout);
    let expected = "task: begins\nmain returns\ntask: tools put away\nthread: done\n";
    assert_eq!(printed, expected);
}

#[test]
fn shutdown_timeout_waits_no_longer_for_a_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let (say, ended) = std::sync::mpsc::channel();
    runtime.spawn_blocking(move || {
        let _ = wait.recv(); // until the test has seen that the runtime did not wait
        let _ = say.send(());
    });
    runtime.shutdown_timeout(Duration::from_millis(10));
    assert!(ended.try_recv().is_err(), "the thread has ended");
    drop(release);
    assert!(ended.recv().is_ok(), "it runs on without its runtime");
}
