//! What `--threads` refuses, on the program itself.

use std::process::Command;

fn lesson(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_create-task"));
    command.args(arguments);
    command
}

#[test]
fn what_threads_cannot_be_is_told_in_one_line() {
    for (arguments, line) in [
        (
            &["--threads", "0"][..],
            "create-task: --threads takes 1 to 64\n",
        ),
        (&["--threads=65"], "create-task: --threads takes 1 to 64\n"),
        (
            &["--threads", "2", "--instant"],
            "create-task: --threads computes, which takes real time: leave out --instant\n",
        ),
    ] {
        let output = lesson(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), line);
    }
}

#[test]
fn one_thread_is_enough() {
    let output = lesson(&["--threads", "1"]).output().unwrap();
    assert!(output.status.success());
    let printed = String::from_utf8_lossy(&output.stdout);
    let primes = "2262 primes\n3245 primes\n4203 primes\nthreads: 1, ";
    assert!(printed.starts_with(primes), "{printed}");
}
