//! Processes that are read line by line and never waited for longer than agreed.

use std::io::{BufRead as _, BufReader, PipeReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::diff;

/// What prints more than this prints without end.
const MOST_LINES: usize = 200_000;

/// What a process printed, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    /// The lines of its standard output (and error, if they are one stream).
    pub(crate) lines: Vec<String>,
    /// Its standard error, if that is a stream of its own.
    pub(crate) errors: String,
    /// Its exit code; after a signal 128 and the signal's number, as shells say it.
    pub(crate) code: i32,
}

/// A process that runs. It is stopped when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    child: Child,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
}

/// What came next from a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Line(String),
    /// It prints nothing more.
    End,
    /// Nothing came in time.
    Late,
}

/// Runs `command` to its end.
///
/// # Errors
///
/// If it cannot be started, or does not end within `limit`.
pub(crate) fn run(
    command: Command,
    input: Option<&str>,
    merged: bool,
    limit: Duration,
) -> Result<Output, String> {
    let deadline = Instant::now() + limit;
    let mut running = Running::start(command, input, merged)?;
    let mut lines = Vec::new();
    loop {
        match running.next(deadline) {
            Next::Line(line) if lines.len() < MOST_LINES => lines.push(line),
            Next::Line(_) => {
                let printed = diff::beginning(lines);
                return Err(format!(
                    "{} does not stop to print\n{printed}",
                    running.name
                ));
            }
            Next::End => break,
            Next::Late => {
                let printed = diff::beginning(lines);
                let seconds = limit.as_secs_f64();
                let name = &running.name;
                return Err(format!("{name} did not end within {seconds} s\n{printed}"));
            }
        }
    }
    let (code, errors) = running.end(deadline)?;
    Ok(Output {
        lines,
        errors,
        code,
    })
}

impl Running {
    /// Starts `command` with `input`, or nothing, as its standard input.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub(crate) fn start(
        mut command: Command,
        input: Option<&str>,
        merged: bool,
    ) -> Result<Self, String> {
        let program = Path::new(command.get_program());
        let name = program.file_name().unwrap_or(program.as_os_str());
        let name = name.to_string_lossy().into_owned();
        let failed = |error: std::io::Error| format!("cannot run {name}: {error}");
        let (reader, writer) = std::io::pipe().map_err(failed)?;
        if merged {
            command.stderr(writer.try_clone().map_err(failed)?);
        } else {
            command.stderr(Stdio::piped());
        }
        command.stdout(writer);
        if input.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().map_err(failed)?;
        // `command` holds the writing end of the pipe, which would otherwise never end.
        drop(command);
        if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
            // A process need not read what it is given.
            let _ = stdin.write_all(input.as_bytes());
        }
        let errors = child.stderr.take().map(|stderr| {
            thread::spawn(move || {
                let mut text = Vec::new();
                let _ = BufReader::new(stderr).read_to_end(&mut text);
                String::from_utf8_lossy(&text).replace("\r\n", "\n")
            })
        });
        Ok(Self {
            name,
            child,
            lines: read_lines(reader),
            errors,
        })
    }

    /// The next line, if it comes before `deadline`.
    pub(crate) fn next(&mut self, deadline: Instant) -> Next {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(line) => Next::Line(line),
            Err(RecvTimeoutError::Disconnected) => Next::End,
            Err(RecvTimeoutError::Timeout) => Next::Late,
        }
    }

    /// Presses Ctrl-C.
    ///
    /// # Errors
    ///
    /// If the signal could not be sent.
    #[cfg(unix)]
    pub(crate) fn interrupt(&self) -> Result<(), String> {
        if common::testing::signal(self.child.id(), "INT") {
            Ok(())
        } else {
            Err(format!("{} ended before ^C", self.name))
        }
    }

    /// Waits for the end, and says the exit code and what went to standard error.
    ///
    /// # Errors
    ///
    /// If it does not end before `deadline`. It is then stopped.
    pub(crate) fn end(mut self, deadline: Instant) -> Result<(i32, String), String> {
        let mut pause = Duration::from_micros(100);
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    let errors = self.errors.take().map(JoinHandle::join);
                    let errors = errors.and_then(Result::ok).unwrap_or_default();
                    return Ok((code(status), errors));
                }
                Ok(None) if Instant::now() < deadline => {
                    thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(10));
                }
                Ok(None) => return Err(format!("{} did not end", self.name)),
                Err(error) => return Err(format!("cannot wait for {}: {error}", self.name)),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(reader: PipeReader) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']).to_owned();
            if sender.send(text).is_err() {
                return;
            }
            line.clear();
        }
    });
    receiver
}

#[cfg(unix)]
fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    let by_signal = status.signal().map(|signal| 128 + signal);
    status.code().or(by_signal).unwrap_or(-1)
}

#[cfg(not(unix))]
fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cargo(arguments: &[&str]) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        command.args(arguments).stdin(Stdio::null());
        command
    }

    const LIMIT: Duration = Duration::from_secs(30);

    #[test]
    fn streams_are_apart_or_one() {
        let apart = run(cargo(&["no-such-command"]), None, false, LIMIT).unwrap();
        assert!(apart.lines.is_empty());
        assert!(apart.errors.contains("no such command"), "{}", apart.errors);
        assert_eq!(apart.code, 101);

        let merged = run(cargo(&["no-such-command"]), None, true, LIMIT).unwrap();
        assert!(merged.lines.join("\n").contains("no such command"));
        assert!(merged.errors.is_empty());
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let error = run(Command::new("no-such-program"), None, false, LIMIT).unwrap_err();
        assert!(error.starts_with("cannot run no-such-program: "), "{error}");
    }
}
