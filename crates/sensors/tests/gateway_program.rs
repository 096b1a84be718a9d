//! The program: its commands, and what it says when something is wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sensors");

fn output(arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).stdin(Stdio::null());
    command.output().unwrap()
}

/// A gateway that ends with the test.
struct Gateway {
    child: Child,
    address: String,
    out: BufReader<std::process::ChildStdout>,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Gateway {
    fn start(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line
            .strip_prefix("Listening on ")
            .unwrap()
            .trim()
            .to_owned();
        Self {
            child,
            address,
            out,
        }
    }

    /// Reads what it says until this comes.
    fn until(&mut self, what: &str) -> String {
        let mut line = String::new();
        while !line.contains(what) {
            line.clear();
            assert!(
                self.out.read_line(&mut line).unwrap() > 0,
                "it does not say {what:?}"
            );
        }
        line
    }
}

#[test]
fn the_demonstration_is_the_same_each_time() {
    let first = output(&["--instant"]);
    let text = String::from_utf8(first.stdout).unwrap();
    assert!(first.status.success() && first.stderr.is_empty(), "{text}");
    for finding in [
        "is offline: nothing heard for 3 s",
        "is offline: three bad lines in a row",
        "sends more than 50 readings a second: it is slowed down",
        "pump-99 identify: the device is offline",
        "identify: the device did not answer within 5 s",
        "reboot: done",
        "is online again",
        "14 healthy devices",
    ] {
        assert!(text.contains(finding), "{finding} in {text}");
    }
    assert!(!text.contains('\u{1b}'), "no colours in a pipe");
    for _ in 0..5 {
        let again = output(&["--instant"]);
        assert_eq!(String::from_utf8(again.stdout).unwrap(), text);
    }
}

/// Ctrl-C in the first moment does the same: devices that never connected have lost nothing.
#[test]
fn a_demonstration_that_ends_early_has_lost_nothing() {
    for seconds in ["0", "0.5", "1"] {
        let output = output(&["--instant", "--seconds", seconds]);
        assert!(output.status.success() && output.stderr.is_empty());
    }
}

#[test]
fn mistakes_are_one_line_and_code_2() {
    let many = "x".repeat(10);
    for arguments in [
        &["gateways"][..],
        &["gateway", "simulate"],
        &["gateway", "--instant"],
        &["--instant", "simulate"],
        &["gateway", "--port", "65536"],
        &["gateway", "--port", "-1"],
        &["gateway", "--host", "nowhere"],
        &["gateway", "--every", "0"],
        &["gateway", "--every", "1e300"],
        &["gateway", "--every", "NaN"],
        &["gateway", "--rate", "0"],
        &["gateway", "--max-connections", "0"],
        &["gateway", "--view", "--commands"],
        &["gateway", "--mqtt", "http://127.0.0.1"],
        &["simulate", "--devices", "0"],
        &["simulate", "--devices", "-5"],
        &["simulate", "--devices", "99999999999999999999999"],
        &["simulate", "--devices", "51000"],
        &["simulate", "--faults", "fire"],
        &["simulate", "--faults", "all=18446744073709551615"],
        &["simulate", "--devices", "3", "--faults", "silence=4"],
        &["simulate", "--seconds", "-1"],
        &["simulate", "--seconds", "1e18"],
        &["simulate", "--seed", &many],
        &["--devices", "3"],
        // An address without a port, and an address of IPv6 without its brackets.
        &["simulate", "--gateway", ""],
        &["simulate", "--gateway", "127.0.0.1"],
        &["simulate", "--gateway", "127.0.0.1:0"],
        &["simulate", "--gateway", "::1:8080"],
        // Flags that would be ignored.
        &["gateway", "--devices", "3"],
        &["simulate", "--port", "0"],
        &["--mqtt", "mqtt://127.0.0.1"],
    ] {
        let output = output(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(
            error.starts_with("sensors: ") && error.lines().count() == 1,
            "{error}"
        );
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn failures_are_one_line_and_code_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    // A port where nobody listens.
    let nobody = {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().to_string()
    };
    for (arguments, what) in [
        (&["gateway", "--port", &port][..], "is in use"),
        (&["--port", &port], "--port"),
        (
            &["gateway", "--port", "0", "--host", "192.0.2.1"],
            "cannot listen at",
        ),
        (&["simulate", "--gateway", &nobody], "start the gateway"),
        (
            &["gateway", "--port", "0", "--report", "no/such/folder"],
            "--report",
        ),
        (&["simulate", "--report", "no/such/folder"], "--report"),
    ] {
        let output = output(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(
            error.contains(what) && error.lines().count() == 1,
            "{arguments:?}: {error}"
        );
    }
}

#[cfg(unix)]
#[test]
fn two_processes_count_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut command = Command::new(PROGRAM);
    command.args(["gateway", "--port", "0", "--every", "0.1"]);
    command.args(["--report", &path("gateway")]);
    let mut gateway = Gateway::start(&mut command);
    let simulated = output(&[
        "simulate",
        "--gateway",
        &gateway.address,
        "--devices",
        "50",
        "--faults",
        "garbage=2,clock=2",
        "--seconds",
        "1.5",
        "--report",
        &path("simulator"),
    ]);
    assert!(simulated.status.success());
    assert!(common::testing::signal(gateway.child.id(), "INT"));
    let stopped = gateway.until("Stopped: ");
    assert!(stopped.contains("of 50 devices counted"), "{stopped}");
    assert!(gateway.child.wait().unwrap().success());

    let read = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(path(name)).unwrap()).unwrap()
    };
    let (sent, snapshot) = (read("simulator"), read("gateway"));
    let counted = snapshot["devices"].as_array().unwrap();
    let sent = sent.as_array().unwrap();
    assert_eq!((sent.len(), counted.len()), (50, 50));
    for (device, status) in sent.iter().zip(counted) {
        assert_eq!(device["id"], status["id"]);
        if device["fault"].is_null() {
            assert_eq!(device["sent"], status["readings"]);
            assert!(device["sent"].as_u64().unwrap() > 0, "{device}");
        }
    }
}

#[test]
fn commands_are_taken_from_standard_input() {
    let mut command = Command::new(PROGRAM);
    command.args(["gateway", "--port", "0", "--commands"]);
    let mut gateway = Gateway::start(&mut command);
    let mut device = BufReader::new(TcpStream::connect(&gateway.address).unwrap());
    device
        .get_mut()
        .write_all(b"{\"hello\":\"pump-1\"}\n")
        .unwrap();
    gateway.until("pump-1: online");
    let mut commands = gateway.child.stdin.take().unwrap();
    commands.write_all(b"pump-1 set_interval 2\n").unwrap();
    let mut line = String::new();
    device.read_line(&mut line).unwrap();
    line.clear();
    device.read_line(&mut line).unwrap();
    assert_eq!(
        line,
        "{\"command\":1,\"do\":\"set_interval\",\"seconds\":2.0}\n"
    );
    // It says what would move the cursor of a terminal.
    let ack = br#"{"ack":1,"ok":false,"error":"\u001b[2Jno"}"#;
    device
        .get_mut()
        .write_all(&[ack, &b"\n"[..]].concat())
        .unwrap();
    let answer = gateway.until("refused");
    assert_eq!(answer, "\"pump-1\": refused: \"\\u{1b}[2Jno\"\n");
    for (line, answer) in [
        ("pump-2 identify", "\"pump-2\": the device is offline"),
        (
            "pump-1 set_interval 0",
            "set_interval takes from 0.1 to 3600 seconds",
        ),
        (
            "pump-1 explode",
            "say identify, reboot, or set_interval and seconds",
        ),
    ] {
        commands.write_all(format!("{line}\n").as_bytes()).unwrap();
        gateway.until(answer);
    }
}

/// A process that may open no more files keeps those that it has, and says why nobody else comes.
#[cfg(unix)]
#[test]
fn without_file_descriptors_those_who_are_connected_stay() {
    let mut command = Command::new("sh");
    let limited = format!("ulimit -n 40 && exec '{PROGRAM}' gateway --port 0");
    command.args(["-c", &limited]);
    let mut gateway = Gateway::start(&mut command);
    let connect = || TcpStream::connect(&gateway.address).unwrap();
    let mut first = BufReader::new(connect());
    first
        .get_mut()
        .write_all(b"{\"hello\":\"first\"}\n")
        .unwrap();
    let mut line = String::new();
    first.read_line(&mut line).unwrap();
    let others: Vec<TcpStream> = (0..60).map(|_| connect()).collect();
    let told = gateway.until("cannot take more connections");
    assert!(told.contains("ulimit -n"), "{told}");
    // It answers: this is no line of the protocol.
    first.get_mut().write_all(b"hello?\n").unwrap();
    line.clear();
    first.read_line(&mut line).unwrap();
    assert!(line.starts_with("{\"error\":"), "{line}");
    // And newcomers are served as soon as there is room.
    drop(others);
    let mut late = TcpStream::connect(&gateway.address).unwrap();
    late.write_all(b"{\"hello\":\"late\"}\n").unwrap();
    let mut welcome = [0; 12];
    late.read_exact(&mut welcome).unwrap();
    assert_eq!(&welcome, b"{\"welcome\":\"");
}

/// A terminal that was stopped with Ctrl-S, or a pager: nobody reads what the gateway writes.
#[test]
fn devices_are_served_although_nobody_reads_the_output() {
    let mut command = Command::new(PROGRAM);
    command.args(["gateway", "--port", "0", "--commands"]);
    // With more threads, another one would serve the device.
    command.env("TOKIO_WORKER_THREADS", "1");
    let mut gateway = Gateway::start(&mut command);
    let mut commands = gateway.child.stdin.take().unwrap();
    // Each of them is answered with a line of that length: far more than a pipe holds.
    let line = "x".repeat(4000) + " identify\n";
    let writing = std::thread::spawn(move || {
        for _ in 0..200 {
            if commands.write_all(line.as_bytes()).is_err() {
                break;
            }
        }
    });
    for id in 0..20 {
        std::thread::sleep(std::time::Duration::from_millis(20));
        let mut device = TcpStream::connect(&gateway.address).unwrap();
        let within = std::time::Duration::from_secs(20);
        device.set_read_timeout(Some(within)).unwrap();
        device
            .write_all(format!("{{\"hello\":\"pump-{id}\"}}\n").as_bytes())
            .unwrap();
        let mut welcome = [0; 12];
        device.read_exact(&mut welcome).unwrap();
        assert_eq!(&welcome, b"{\"welcome\":\"");
    }
    drop(gateway);
    writing.join().unwrap();
}
