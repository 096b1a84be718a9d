//! The programs, as a person meets them.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use database::{Options, notes};

use crate::engines;

const PROGRAM: &str = env!("CARGO_BIN_EXE_database");

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_remove("DATABASE_URL");
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const SHOWN: &str = "\
search BO: 2 of 3 notes
  milk: two bottles
  O'Reilly: bring the book back
title ' OR 'a' = 'a
  bound: 0 notes
  glued: 3 notes
streamed 10000 rows, their sum is 50005000
six queries of 0.2 s: 2 connections, [..] s in all
the only connection is kept: gave up waiting
it was returned: here it is
transfer 30: Ada 70, Bob 30
transfer 500: refused
  after it: Ada 70, Bob 30
transfer 50, dropped halfway
  halfway, seen from inside: Ada 70, Bob 80
  after it: Ada 70, Bob 30
";

#[tokio::test]
async fn the_same_lesson_on_both() {
    for engine in engines().await {
        let (first, last) = if engine.is_postgres() {
            ("PostgreSQL", "LISTEN and NOTIFY: heard milk\n")
        } else {
            ("SQLite", "LISTEN and NOTIFY: SQLite has neither\n")
        };
        let seen = run(&["--url", &engine.url]);
        let wanted = format!("{first}, tables at version 2\n{SHOWN}{last}");
        let shown = text(&seen.stdout);
        let (before, after) = shown.split_once("connections, ").unwrap();
        let (took, after) = after.split_once(' ').unwrap();
        assert!(took.parse::<f64>().unwrap() >= 0.6, "{took}");
        let shown = format!("{before}connections, [..] {after}");
        assert_eq!(shown, wanted, "{}", text(&seen.stderr));
        assert_eq!(seen.status.code(), Some(0));

        // It leaves nothing behind, and touches no notes that are somebody's.
        let pool = engine.pool(Options::default()).await;
        assert_eq!(notes::list(&pool, "", 1, 0).await.unwrap().total, 0);
        notes::create(&pool, "mine", "").await.unwrap();
        let seen = run(&["--url", &engine.url]);
        assert_eq!(seen.status.code(), Some(1));
        let line = "database: this database is in use; show the lesson on an empty one\n";
        assert_eq!(text(&seen.stderr), line);
        assert_eq!(notes::list(&pool, "", 1, 0).await.unwrap().total, 1);
    }
}

#[test]
fn bad_usage_is_one_line_and_exit_code_2() {
    for arguments in [
        &["--connections", "0"][..],
        &["--connections", "-1"],
        &["--connections", "99999999999"],
        &["--patience", "0"],
        &["--patience", "1e300"],
        &["--patience", "86401"],
        &["--time-limit", "-1"],
        &["--grace", "soon"],
        &["--port", "65536"],
        &["memory", "--rows", "0"],
        &["--url", "mysql://localhost/notes"],
        &["--url", "nonsense"],
        &["--url", "postgres://ada:secret@[::1/notes"],
        &["server"],
        &["serve", "twice"],
    ] {
        let seen = run(arguments);
        let errors = text(&seen.stderr);
        assert_eq!(seen.status.code(), Some(2), "{arguments:?} {errors}");
        assert_eq!(errors.lines().count(), 1, "{arguments:?} {errors}");
        assert!(!errors.contains("secret"), "{errors}");
        assert!(seen.stdout.is_empty());
    }
}

#[test]
fn a_database_that_is_not_there_is_one_line_and_exit_code_1() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let nobody = format!("postgres://ada:secret@127.0.0.1:{port}/notes");
    for (url, part) in [
        (&*nobody, "refused"),
        ("sqlite:no/such/folder/notes.db?mode=rwc", "unable to open"),
        ("sqlite:no-such-file.db", "unable to open"),
    ] {
        let seen = run(&["serve", "--port", "0", "--url", url]);
        let errors = text(&seen.stderr);
        assert_eq!(seen.status.code(), Some(1), "{url} {errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert!(
            errors.contains(part) && errors.contains("--url"),
            "{errors}"
        );
        assert!(!errors.contains("secret"), "{errors}");
    }
}

/// Somebody listens there and never answers.
#[test]
fn a_silent_database_is_one_line_too() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("postgres://{address}/notes");
    let seen = run(&["--patience", "0.2", "--url", &url]);
    assert_eq!(seen.status.code(), Some(1));
    let line = format!(
        "database: cannot connect to {url}: no answer within 200ms; name another with --url\n"
    );
    assert_eq!(text(&seen.stderr), line);
}

#[test]
fn two_write_and_one_waits() {
    let seen = run(&["writers"]);
    let lines = text(&seen.stdout);
    let (ticks, rest) = lines.split_once('\n').unwrap();
    let ticks = ticks.strip_prefix("while a query computed, another task ran ");
    let ticks: u32 = ticks.unwrap().split_once(' ').unwrap().0.parse().unwrap();
    assert!(ticks > 5, "{ticks}");
    let wanted = "\
a second writer that does not wait: code 5, database is locked
a reader meanwhile: sees 0
a second writer that waits: written
BEGIN, read, write, twice: code 517, database is locked
BEGIN IMMEDIATE, read, write, twice: written
counted to 5
";
    assert_eq!(rest, wanted);
}

#[tokio::test]
async fn a_stream_takes_less_memory_than_the_whole() {
    for engine in engines().await {
        let seen = run(&["memory", "--rows", "50000", "--url", &engine.url]);
        let lines = text(&seen.stdout);
        let more: Vec<i64> = lines
            .lines()
            .map(|line| {
                let words: Vec<_> = line.split(' ').collect();
                words[words.len() - 3].parse().unwrap()
            })
            .collect();
        assert!(more[0] < 5 && more[1] > 10, "{}: {lines}", engine.url);
    }
}

/// The service as a program. Killed when the test ends, however it ends.
struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--port", "0"]).args(arguments);
        command.env_remove("DATABASE_URL").stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("Listening on http://");
        let address = address.unwrap().to_owned();
        Self {
            child,
            output,
            address,
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_port_in_use_is_one_line_that_says_what_to_do() {
    let first = Program::start(&[]);
    let port = first.address.rsplit_once(':').unwrap().1;
    let seen = run(&["serve", "--port", port]);
    assert_eq!(seen.status.code(), Some(1));
    let line = format!(
        "database: port {port} is in use; stop the other program, or choose another with --port\n"
    );
    assert_eq!(text(&seen.stderr), line);
}

#[cfg(unix)]
#[test]
fn asked_to_stop_it_stops_in_order_and_asked_twice_at_once() {
    use std::io::{Read as _, Write as _};

    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let url = format!(
            "sqlite:{}?mode=rwc",
            folder.path().join("notes.db").display()
        );
        let mut program = Program::start(&["--url", &url]);
        assert!(common::testing::signal(program.child.id(), signal));
        let mut rest = String::new();
        program.output.read_to_string(&mut rest).unwrap();
        assert!(rest.ends_with("Ctrl-C again stops at once.\n"), "{rest}");
        assert_eq!(program.child.wait().unwrap().code(), Some(0));
        // Everything is in the one file: the log was written back into it.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    command
        .args(["serve", "--port", "0"])
        .env("TMPDIR", folder.path());
    command.env_remove("DATABASE_URL").stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines.next().unwrap().unwrap();
    let address = address.strip_prefix("Listening on http://").unwrap();
    lines.next().unwrap().unwrap();
    // A request whose body never comes keeps it from stopping.
    let mut request = std::net::TcpStream::connect(address).unwrap();
    let head = "POST /notes HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                content-length: 9\r\nexpect: 100-continue\r\n\r\n";
    request.write_all(head.as_bytes()).unwrap();
    // "100 Continue" is sent when the handler asks for the body: from then on it is under way.
    let mut begins = [0; 12];
    request.read_exact(&mut begins).unwrap();
    assert_eq!(&begins, b"HTTP/1.1 100");
    assert!(common::testing::signal(child.id(), "INT"));
    assert!(lines.next().unwrap().unwrap().starts_with("Stopping"));
    assert!(common::testing::signal(child.id(), "INT"));
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "nothing left behind"
    );
}
