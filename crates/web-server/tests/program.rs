//! The program, as a person or an init system meets it.

#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_web-server");

/// The running program. Killed when the test ends, however it ends.
struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Program {
    /// Starts it and waits until it listens.
    fn start(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("Listening on http://");
        let address = address
            .unwrap_or_else(|| panic!("{line:?}"))
            .parse()
            .unwrap();
        Self {
            child,
            output,
            address,
        }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    /// Sends a request; its answer is then read to the end of the connection.
    fn ask(&self) -> TcpStream {
        let mut stream = self.connect();
        stream
            .write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            .unwrap();
        stream
    }

    #[cfg(unix)]
    fn signal(&self, signal: &str) {
        assert!(common::testing::signal(self.child.id(), signal));
    }

    /// Waits for the end: the exit code, and what it printed since it listens.
    #[cfg(unix)]
    fn end(mut self) -> (Option<i32>, String, String) {
        let (mut output, mut errors) = (String::new(), String::new());
        self.output.read_to_string(&mut output).unwrap();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut errors).unwrap();
        (self.child.wait().unwrap().code(), output, errors)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What comes until the connection ends, be it by a reset.
fn read(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

fn run_to_its_end(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

#[test]
fn a_port_in_use_is_one_line_that_says_what_to_do() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let output = run_to_its_end(&["--port", &port]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let expected = format!(
        "web-server: port {port} is in use; stop the other program, or choose another with --port\n"
    );
    assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
}

#[test]
fn bad_usage_is_one_line_and_exit_code_2() {
    for arguments in [
        ["--port", "99999"],
        ["--connections", "0"],
        ["--delay", "-1"],
        ["--instant", "1"],
    ] {
        let output = run_to_its_end(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(
            String::from_utf8(output.stderr).unwrap().lines().count(),
            1,
            "{arguments:?}"
        );
    }
}

#[test]
fn it_serves_until_it_is_stopped() {
    let mut program = Program::start(Command::new(PROGRAM).args(["--port", "0", "--delay", "0"]));
    for _ in 0..3 {
        assert!(read(program.ask()).ends_with("\r\n\r\nHello, world!"));
    }
    program.child.kill().unwrap();
    let mut output = String::new();
    program.output.read_to_string(&mut output).unwrap();
    assert_eq!(
        output, "",
        "a server does not print a line for each request"
    );
}

#[cfg(unix)]
#[test]
fn asked_to_stop_it_answers_what_is_in_flight_and_exits_0() {
    for signal in ["TERM", "INT"] {
        let program = Program::start(Command::new(PROGRAM).args(["--port", "0", "--delay", "0.2"]));
        let answer = program.ask();
        program.signal(signal);
        assert!(read(answer).ends_with("\r\n\r\nHello, world!"));
        let (code, output, errors) = program.end();
        assert_eq!(
            output,
            "Stopping: up to 10 s for requests in flight. Ctrl-C again stops at once.\n\
             Answered 1, at most 1 at once.\n\
             Drained 1: answered after the signal.\n"
        );
        assert_eq!((code, errors.as_str()), (Some(0), ""));
    }
}

#[cfg(unix)]
#[test]
fn what_is_not_finished_in_time_is_cut_and_told() {
    let arguments = ["--port", "0", "--delay", "3600", "--grace", "0.05"];
    let program = Program::start(Command::new(PROGRAM).args(arguments));
    let answer = program.ask();
    program.signal("TERM");
    assert_eq!(read(answer), "");
    let (code, output, _) = program.end();
    assert!(output.ends_with("Answered 0, at most 1 at once.\nCut 1: not finished in time.\n"));
    assert_eq!(code, Some(1));
}

#[cfg(unix)]
#[test]
fn asked_twice_it_stops_at_once() {
    let arguments = ["--port", "0", "--delay", "3600", "--grace", "3600"];
    let mut program = Program::start(Command::new(PROGRAM).args(arguments));
    let answer = program.ask();
    program.signal("INT");
    let mut line = String::new();
    program.output.read_line(&mut line).unwrap();
    assert_eq!(
        line,
        "Stopping: up to 3600 s for requests in flight. Ctrl-C again stops at once.\n"
    );
    program.signal("INT");
    assert_eq!(read(answer), "");
    let (code, _, errors) = program.end();
    assert_eq!(
        errors,
        "web-server: stopped at once; what was in flight is lost\n"
    );
    assert_eq!(code, Some(130));
}

#[cfg(unix)]
#[test]
fn it_survives_running_out_of_files() {
    let limited = r#"ulimit -n 40; exec "$0" --port 0 --delay 0"#;
    let mut program = Program::start(Command::new("sh").args(["-c", limited, PROGRAM]));
    // More than it has files for. The system completes these connections all the same.
    let hoard: Vec<_> = (0..50).map(|_| program.connect()).collect();
    let waiting = program.ask();
    let mut errors = BufReader::new(program.child.stderr.take().unwrap());
    let mut said = String::new();
    errors.read_line(&mut said).unwrap();
    assert!(
        said.starts_with("cannot accept a connection, trying again in 1 s: "),
        "{said}"
    );
    drop(hoard);
    assert!(read(waiting).ends_with("Hello, world!"));
    assert!(read(program.ask()).ends_with("Hello, world!"));
    program.signal("TERM");
    assert!(program.child.wait().unwrap().success());
    // Said once a second, not thousands of times.
    errors.read_to_string(&mut said).unwrap();
    assert!(said.lines().count() < 10, "{said}");
}
