//! The server and its Python twin, asked the same.

#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

/// A running server. Killed when the test ends, however it ends.
struct Server {
    child: Child,
    #[cfg(unix)]
    output: BufReader<std::process::ChildStdout>,
    address: SocketAddr,
}

impl Server {
    fn start(program: impl AsRef<Path>, arguments: &[&str], delay: &str) -> Self {
        let mut command = Command::new(program.as_ref());
        command
            .args(arguments)
            .args(["--port", "0", "--delay", delay]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
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
            #[cfg(unix)]
            output,
            address,
        }
    }

    /// Both servers, or nothing where aiohttp is missing.
    fn both(delay: &str) -> Option<[Self; 2]> {
        let python = common::testing::python(&["aiohttp"])?;
        let twin = format!("{FOLDER}/web-server.py");
        Some([
            Self::start(env!("CARGO_BIN_EXE_web-server"), &[], delay),
            Self::start(python, &[&twin], delay),
        ])
    }

    /// The status line, the headers that matter, and the body.
    fn answer(&self, request: &str, body: &str) -> (String, BTreeMap<String, String>, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let length = body.len();
        let head = format!(
            "{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().to_owned();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers = headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            // What differs between two runs of one server, and who made it.
            .filter(|(name, _)| !matches!(name.as_str(), "date" | "server"))
            .collect();
        (status, headers, body.to_owned())
    }

    #[cfg(unix)]
    fn terminate(mut self) -> (Option<i32>, String) {
        assert!(common::testing::signal(self.child.id(), "TERM"));
        let mut output = String::new();
        self.output.read_to_string(&mut output).unwrap();
        (self.child.wait().unwrap().code(), output)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn they_answer_alike() {
    let Some([rust, python]) = Server::both("0") else {
        return;
    };
    for (request, body) in [
        ("GET /", ""),
        ("HEAD /", ""),
        ("GET /?page=2", ""),
        ("GET /nope", ""),
        ("POST /nope", "ignored"),
        ("POST /", ""),
        ("DELETE /", ""),
        ("POST /echo", "again"),
        ("POST /echo", ""),
        ("GET /echo", ""),
    ] {
        assert_eq!(
            rust.answer(request, body),
            python.answer(request, body),
            "{request}"
        );
    }
}

/// A connection whose request the server has begun to answer.
#[cfg(unix)]
fn begun(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    // aiohttp loses what it has not accepted when it is asked to stop: give it time to.
    std::thread::sleep(std::time::Duration::from_millis(500));
    stream
}

#[cfg(unix)]
#[test]
fn they_stop_alike() {
    let Some(both) = Server::both("1") else {
        return;
    };
    for server in both {
        let client = begun(&server);
        let lines = "Stopping: up to 10 s for requests in flight. Ctrl-C again stops at once.\n\
                     Answered 1, at most 1 at once.\n\
                     Drained 1: answered after the signal.\n";
        assert_eq!(server.terminate(), (Some(0), lines.to_owned()));
        drop(client);
    }
}

/// The difference that the chapter teaches.
#[cfg(unix)]
#[test]
fn they_differ_when_a_client_hangs_up() {
    let Some([rust, python]) = Server::both("1") else {
        return;
    };
    drop(begun(&rust));
    let (_, output) = rust.terminate();
    assert!(
        output
            .contains("\nAnswered 0, at most 1 at once.\nAbandoned 1: the client hung up first.\n"),
        "{output}"
    );
    drop(begun(&python));
    let (_, output) = python.terminate();
    assert!(
        output.contains("\nAnswered 1, at most 1 at once.\n"),
        "{output}"
    );
}

/// What the article printed: it begins to listen, and is gone.
#[test]
fn the_article_does_not_serve() {
    let Some(python) = common::testing::python(&["aiohttp"]) else {
        return;
    };
    let output = Command::new(python)
        .arg(format!("{FOLDER}/article.py"))
        .arg("0")
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!((output.stdout, output.stderr), (Vec::new(), Vec::new()));
}
