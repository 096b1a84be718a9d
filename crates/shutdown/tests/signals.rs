//! Real signals, sent to the real programs.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Lines, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use common::testing::{python, skip};

/// A program under way, and what it prints.
struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// What a program left.
struct End {
    status: ExitStatus,
    /// What it printed after the last line that was waited for.
    rest: Vec<String>,
    errors: String,
}

impl Program {
    fn start(program: impl AsRef<Path>, arguments: &[&str]) -> Self {
        let program = program.as_ref();
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let output = child.stdout.take().map(BufReader::new);
        let lines = output.map_or_else(|| panic!("no output"), BufRead::lines);
        Self { child, lines }
    }

    /// Waits until the program has printed a line with this text.
    fn wait_for(&mut self, text: &str) {
        let found = self
            .lines
            .any(|line| line.is_ok_and(|line| line.contains(text)));
        assert!(found, "the program ended and never printed {text:?}");
    }

    /// Sends a signal, such as `INT`.
    fn kill(&self, signal: &str) {
        assert!(common::testing::signal(self.child.id(), signal));
    }

    fn end(mut self) -> End {
        let rest = self.lines.map_while(Result::ok).collect();
        let mut errors = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            let _ = stderr.read_to_string(&mut errors);
        }
        let status = self.child.wait();
        let status = status.unwrap_or_else(|error| panic!("cannot wait: {error}"));
        End {
            status,
            rest,
            errors,
        }
    }
}

/// The jobs that the last lines name behind `title`.
fn listed(rest: &[String], title: &str) -> Vec<u32> {
    let Some(list) = rest.iter().find_map(|line| line.strip_prefix(title)) else {
        panic!("no line with {title:?} in {rest:?}");
    };
    let jobs: Result<Vec<u32>, _> = list.split_whitespace().map(str::parse).collect();
    jobs.unwrap_or_else(|error| panic!("{list:?}: {error}"))
}

/// Asked to stop while jobs are under way, it finishes these and files all others.
fn drains(mut program: Program, signal: &str) {
    program.wait_for("job 2: begins");
    program.kill(signal);
    let End {
        status,
        rest,
        errors,
    } = program.end();
    assert_eq!(status.code(), Some(0), "{rest:?} {errors}");
    assert!(
        rest.iter().any(|line| line.contains("stopping")),
        "{rest:?}"
    );
    let done = listed(&rest, "done:");
    assert!(done.contains(&2), "{rest:?}");
    let mut all = done;
    all.extend(listed(&rest, "handed back:"));
    all.extend(listed(&rest, "not taken:"));
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
}

/// Asked a second time while a job of many seconds is under way, it ends at once.
fn is_forced(mut program: Program, signal: &str, code: i32) {
    program.wait_for("job 3: begins");
    program.kill(signal);
    program.wait_for("stopping");
    program.kill(signal);
    let End {
        status,
        rest,
        errors,
    } = program.end();
    assert_eq!(status.code(), Some(code), "{rest:?} {errors}");
    assert!(errors.contains("stopped at once"), "{errors}");
    assert!(!rest.iter().any(|line| line.contains("done:")), "{rest:?}");
}

/// Whether a program that is started here ignores Ctrl-C, as those do that a script has put into the
/// background. Then there is no default to be seen. Says so.
fn ctrl_c_is_ignored() -> bool {
    let mut shell = Command::new("sh");
    let survived = shell.args(["-c", "kill -INT $$"]).status();
    let ignored = survived.is_ok_and(|status| status.success());
    if ignored {
        skip("whoever runs this test ignores Ctrl-C, so its default cannot be seen");
    }
    ignored
}

const SHUTDOWN: &str = env!("CARGO_BIN_EXE_shutdown");
const QUICK: [&str; 4] = ["--pace", "0.1", "--grace", "30"];
const SLOW: [&str; 5] = ["--pace", "0.5", "--grace", "30", "3"];

#[test]
fn ctrl_c_drains() {
    drains(Program::start(SHUTDOWN, &QUICK), "INT");
}

#[test]
fn sigterm_drains() {
    drains(Program::start(SHUTDOWN, &QUICK), "TERM");
}

#[test]
fn a_second_ctrl_c_forces() {
    is_forced(Program::start(SHUTDOWN, &SLOW), "INT", 130);
}

#[test]
fn a_second_sigterm_forces() {
    is_forced(Program::start(SHUTDOWN, &SLOW), "TERM", 143);
}

#[test]
fn two_different_signals_force_too() {
    let mut program = Program::start(SHUTDOWN, &SLOW);
    program.wait_for("job 3: begins");
    program.kill("TERM");
    program.wait_for("stopping");
    program.kill("INT");
    assert_eq!(program.end().status.code(), Some(130));
}

#[test]
fn without_a_handler_nothing_is_put_away() {
    if ctrl_c_is_ignored() {
        return;
    }
    let mut program = Program::start(env!("CARGO_BIN_EXE_without-handler"), &[]);
    program.wait_for("work begins");
    program.kill("INT");
    let end = program.end();
    assert_eq!(end.status.signal(), Some(2));
    assert!(end.rest.is_empty(), "{:?}", end.rest);
}

#[test]
fn whoever_listened_once_has_taken_the_signal_over() {
    let mut program = Program::start(env!("CARGO_BIN_EXE_ctrl-c-once"), &[]);
    program.wait_for("no longer listening");
    program.kill("INT");
    let end = program.end();
    assert_eq!(end.status.code(), Some(0));
    assert_eq!(end.rest, ["still here", "and it does not come later"]);
}

/// The twins, with the same signals.
mod twins {
    use super::*;

    fn twin(script: &str, arguments: &[&str]) -> Option<Program> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
        let mut all = vec!["-u".to_owned(), script.display().to_string()];
        all.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        Some(Program::start(python(&[])?, &all))
    }

    #[test]
    fn ctrl_c_and_sigterm_drain_and_force() {
        for (signal, code) in [("INT", 130), ("TERM", 143)] {
            let (Some(quick), Some(slow)) =
                (twin("shutdown.py", &QUICK), twin("shutdown.py", &SLOW))
            else {
                return;
            };
            drains(quick, signal);
            is_forced(slow, signal, code);
        }
    }

    #[test]
    fn without_a_handler_finally_runs_at_ctrl_c() {
        let Some(mut program) = twin("without-handler.py", &[]) else {
            return;
        };
        if ctrl_c_is_ignored() {
            return;
        }
        program.wait_for("work begins");
        program.kill("INT");
        let end = program.end();
        assert_eq!(end.rest, ["putting the tools away", "tools put away"]);
        assert!(
            end.errors.ends_with("KeyboardInterrupt\n"),
            "{}",
            end.errors
        );
        // It ends by the signal, as any program that Ctrl-C has ended.
        assert_eq!(end.status.signal(), Some(2));
    }

    #[test]
    fn a_second_ctrl_c_ends_the_cleanup() {
        let Some(mut program) = twin("without-handler.py", &[]) else {
            return;
        };
        if ctrl_c_is_ignored() {
            return;
        }
        program.wait_for("work begins");
        program.kill("INT");
        program.wait_for("putting");
        program.kill("INT");
        let end = program.end();
        assert!(end.rest.is_empty(), "{:?}", end.rest);
        assert_eq!(end.status.signal(), Some(2));
    }

    #[test]
    fn without_a_handler_nothing_runs_at_sigterm() {
        let Some(mut program) = twin("without-handler.py", &[]) else {
            return;
        };
        program.wait_for("work begins");
        program.kill("TERM");
        let end = program.end();
        assert!(end.rest.is_empty(), "{:?}", end.rest);
        assert_eq!(end.status.signal(), Some(15));
    }

    #[test]
    fn a_signal_is_given_back() {
        let Some(mut program) = twin("ctrl-c-once.py", &[]) else {
            return;
        };
        if ctrl_c_is_ignored() {
            return;
        }
        program.wait_for("no longer listening");
        program.kill("INT");
        let end = program.end();
        assert!(end.rest.is_empty(), "{:?}", end.rest);
        assert_eq!(end.status.signal(), Some(2));
    }
}
