//! The program as a learner runs it.

#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::{fs, str};

use common::testing;

const TWIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/event-loop.py");

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_event-loop"))
}

/// What the command prints, if it succeeds.
fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{command:?}: {errors}");
    // Python ends its lines with two characters on Windows.
    String::from_utf8(output.stdout)
        .unwrap()
        .replace("\r\n", "\n")
}

/// The exit code and what stands on standard error, if the command fails.
fn failure(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), told)
}

#[test]
fn on_our_loop_and_on_tokio_the_same_happens_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let run = |on: &str| {
        let file = folder.path().join(format!("{on}.json"));
        let timeline = format!("--timeline={}", file.display());
        let printed = stdout(program().args(["--instant", "--on", on, &timeline]));
        (printed, fs::read_to_string(file).unwrap())
    };
    let (ours, tokio) = (run("ours"), run("tokio"));
    assert!(
        ours.0.ends_with("Done after 3 s\nresults: [3, 1, 2]\n"),
        "{}",
        ours.0
    );
    assert_eq!(ours.0, tokio.0);
    // Every poll and every wake of it, with its time.
    assert_eq!(ours.1, tokio.1);
}

#[test]
fn the_loop_tells_each_turn_and_the_python_one_tells_the_same() {
    let ours = stdout(program().args(["--instant", "--trace"]));
    let turns = ours.lines().filter(|line| line.starts_with("loop: turn"));
    assert_eq!(turns.count(), 10);
    assert!(
        ours.contains("\nloop: turn 3 at 2.0 s, timers due: 5, tasks ready: 5\n"),
        "{ours}"
    );
    if let Some(python) = testing::python(&[]) {
        assert_eq!(
            ours,
            stdout(Command::new(python).args([TWIN, "--instant", "--trace"]))
        );
    }
}

/// What a server and its clients print about `clients` clients.
fn all_at_once(printed: &str, clients: usize) {
    let bytes = clients * 10 * 1040;
    let lines: Vec<&str> = printed.lines().collect();
    let expected = format!("clients: {clients}, each got back what it sent; {bytes} bytes");
    assert_eq!(lines[0], expected);
    let expected =
        format!("server: {clients} clients, {clients} of them at the same time; {bytes} bytes; ");
    assert!(lines[1].starts_with(&expected), "{}", lines[1]);
}

#[test]
fn two_hundred_clients_are_served_at_once() {
    let printed = stdout(program().args(["--clients", "200"]));
    all_at_once(&printed, 200);
    assert!(printed.ends_with("\nsockets still open: 0\n"), "{printed}");
}

#[test]
fn so_are_a_thousand_where_a_process_may_open_as_many_files() {
    let output = program().args(["--clients", "1000"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    if told.contains("ulimit -n 4096") {
        testing::skip("a thousand clients need a thousand open files: ulimit -n 4096");
        return;
    }
    all_at_once(&String::from_utf8(output.stdout).unwrap(), 1000);
}

#[test]
fn so_they_are_in_python() {
    if let Some(python) = testing::python(&[]) {
        all_at_once(
            &stdout(Command::new(python).args([TWIN, "--clients", "100"])),
            100,
        );
    }
}

/// A server that runs until the end of the test.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("echo on ").unwrap().to_owned();
        Self { process, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_client_that_breaks_off_does_not_end_the_server() {
    let server = Server::start(program().args(["--serve", "--port", "0"]));
    let mut rude = TcpStream::connect(&server.address).unwrap();
    rude.write_all(&vec![0; 100_000]).unwrap();
    // With bytes unread, closing resets the connection.
    drop(rude);
    let mut polite = TcpStream::connect(&server.address).unwrap();
    polite.write_all(b"hello").unwrap();
    let mut answer = [0; 5];
    polite.read_exact(&mut answer).unwrap();
    assert_eq!(str::from_utf8(&answer), Ok("hello"));
}

#[test]
fn clients_in_rust_and_a_server_in_python_understand_each_other() {
    if let Some(python) = testing::python(&[]) {
        let server = Server::start(Command::new(python).args([TWIN, "--serve", "--port", "0"]));
        let mut clients = program();
        clients.args(["--connect", &server.address, "--clients", "20"]);
        let expected = "clients: 20, each got back what it sent; 208000 bytes\n";
        assert_eq!(stdout(&mut clients), expected);
    }
}

#[test]
#[cfg(unix)]
fn too_many_clients_are_one_clear_line() {
    let mut command = Command::new("sh");
    let limited = "ulimit -n 64 && exec \"$0\" --clients 100";
    command.args(["-c", limited, env!("CARGO_BIN_EXE_event-loop")]);
    let (code, told) = failure(&mut command);
    assert_eq!(code, 1);
    assert!(
        told.contains("allow more with `ulimit -n 4096`, or take fewer --clients"),
        "{told}"
    );
    assert!(!told.contains("panicked"), "{told}");
}

#[test]
fn nobody_to_connect_to_is_one_clear_line() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let (code, told) = failure(program().args(["--connect", &address, "--clients", "2"]));
    assert_eq!(code, 1);
    assert!(
        told.starts_with("event-loop: cannot connect client 0: "),
        "{told}"
    );
    assert_eq!(told.lines().count(), 1);
}

#[test]
fn a_port_that_is_taken_is_one_clear_line() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let (code, told) = failure(program().args(["--serve", "--port", &port]));
    assert_eq!(code, 1);
    assert!(
        told.contains("another program listens there: take another --port"),
        "{told}"
    );
}

#[test]
fn mistakes_on_the_command_line_are_told() {
    for (arguments, line) in [
        (
            &["--on", "uvloop"][..],
            "--on takes ours or tokio, not uvloop",
        ),
        (
            &["--connect", "127.0.0.1:1"],
            "--connect also needs --clients N",
        ),
        (
            &["--instant", "--clients", "1"],
            "--instant is for the two programs: no clock can hurry a socket",
        ),
        (
            &["--on", "tokio", "--trace"],
            "--on tokio runs the two programs only: leave --trace and --serve out",
        ),
    ] {
        let expected = (2, format!("event-loop: {line}\n"));
        assert_eq!(failure(program().args(arguments)), expected);
    }
}

/// The chapter says how long the pages are.
#[test]
fn the_pages_have_the_length_that_the_chapter_says() {
    let lines = |page: &str, comment: &[&str]| {
        let is_code =
            |line: &&str| !line.is_empty() && !comment.iter().any(|c| line.starts_with(c));
        page.lines().map(str::trim).filter(is_code).count()
    };
    let rust = |page: &str| lines(page.split("#[cfg(test)]").next().unwrap(), &["//"]);
    let executor = rust(include_str!("../src/executor.rs"));
    assert!(executor < 190, "{executor}");
    let others = rust(include_str!("../src/task.rs"))
        + rust(include_str!("../src/timer.rs"))
        + rust(include_str!("../src/net.rs"));
    assert!(
        (480..520).contains(&(executor + others)),
        "{executor} + {others}"
    );

    let python = include_str!("../event-loop.py");
    let (_, python) = python.split_once("# ---- The loop ----").unwrap();
    let (python, _) = python.split_once("# ---- The gather lesson ----").unwrap();
    let python = lines(python, &["#", "\"\"\""]);
    assert!((100..115).contains(&python), "{python}");
}
