//! The terminal client, as a process: with a pipe, with a terminal, and with servers that break.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::process::{Output, Stdio};
use std::time::Duration;

use chat::protocol::{ClientMessage, Said, ServerMessage};
use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_async};

/// Only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// The real server, in this process.
struct Server {
    port: u16,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), chat::Error>>,
}

impl Server {
    async fn start(port: u16, options: chat::Options) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(chat::serve(listener, options, async {
            let _ = stopped.await;
        }));
        Self {
            port,
            stop,
            serving,
        }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.serving)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

/// A server of which the test says each word.
struct Fake(TcpListener);

struct Conversation(WebSocketStream<TcpStream>);

impl Fake {
    async fn start() -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (Self(listener), port)
    }

    /// The next connection, and how it joins.
    async fn accept(&self) -> (Conversation, ClientMessage) {
        let (stream, _) = timeout(PATIENCE, self.0.accept()).await.unwrap().unwrap();
        let mut conversation = Conversation(accept_async(stream).await.unwrap());
        let join = conversation.hear().await;
        (conversation, join)
    }
}

impl Conversation {
    async fn say(&mut self, message: ServerMessage) {
        let text = serde_json::to_string(&message).unwrap();
        self.0.send(Message::text(text)).await.unwrap();
    }

    async fn welcome(&mut self, epoch: &str, history: Vec<Said>) {
        self.say(ServerMessage::Welcome {
            name: "Ada".into(),
            room: "lobby".into(),
            epoch: epoch.into(),
            people: vec!["Ada".into(), "Bob".into()],
            history,
            missed: 0,
        })
        .await;
    }

    async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.into(),
        };
        self.0.close(Some(frame)).await.unwrap();
    }

    async fn next(&mut self) -> Option<Message> {
        timeout(PATIENCE, self.0.next()).await.unwrap()?.ok()
    }

    /// Answers a close, and ends the connection.
    async fn goodbye(mut self) {
        while self.next().await.is_some() {}
    }

    async fn hear(&mut self) -> ClientMessage {
        match self.next().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("no text: {other:?}"),
        }
    }

    /// A line, and its `ref`.
    async fn hear_line(&mut self) -> (String, String) {
        match self.hear().await {
            ClientMessage::Say { text, reference } => (text, reference.unwrap()),
            other @ ClientMessage::Join { .. } => panic!("no line: {other:?}"),
        }
    }

    async fn accept_line(&mut self, id: u64) -> String {
        let (text, reference) = self.hear_line().await;
        self.say(ServerMessage::Accepted { reference, id }).await;
        self.say(ServerMessage::Said(said(id, "Ada", &text))).await;
        text
    }
}

fn said(id: u64, name: &str, text: &str) -> Said {
    Said {
        id,
        name: name.into(),
        text: text.into(),
        at: 1_790_000_000_000,
    }
}

fn join(server: &str, name: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat"));
    command.args(["join", "--server", server, name]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

fn ada(port: u16) -> Command {
    join(&format!("ws://127.0.0.1:{port}"), "Ada")
}

/// A client that a test talks with.
struct Client {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Client {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            input,
            output,
        }
    }

    async fn types(&mut self, text: &str) {
        self.input.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads until a line that contains `part`, and gives this line.
    async fn until(&mut self, part: &str) -> String {
        let mut seen = Vec::new();
        loop {
            let line = timeout(PATIENCE, self.output.next_line()).await;
            let Ok(Ok(Some(line))) = line else {
                panic!("never {part:?}, but {seen:#?}");
            };
            if line.contains(part) {
                return line;
            }
            seen.push(line);
        }
    }

    /// Ends its input, reads the rest of its output, and gives its exit code.
    async fn end(self) -> (String, Option<i32>) {
        let Self {
            mut child,
            input,
            mut output,
        } = self;
        drop(input);
        let mut rest = String::new();
        while let Some(line) = timeout(PATIENCE, output.next_line())
            .await
            .unwrap()
            .unwrap()
        {
            rest.push_str(&line);
            rest.push('\n');
        }
        let status = timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
        (rest, status.code())
    }
}

async fn output(mut command: Command, input: &str) -> Output {
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_owned();
    // Beside the reading: both pipes have an end.
    tokio::spawn(async move {
        let _ = pipe.write_all(input.as_bytes()).await;
    });
    timeout(PATIENCE, child.wait_with_output())
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_pipe_is_said_line_by_line_and_nothing_is_lost_to_the_limit() {
    let options = chat::Options {
        burst: 5,
        rate: 20.0,
        ..chat::Options::default()
    };
    let server = Server::start(0, options).await;
    let lines: Vec<String> = (1..=12).map(|n| format!("line {n}")).collect();
    let output = output(ada(server.port), &lines.join("\n")).await;
    let printed = String::from_utf8(output.stdout).unwrap();
    let mut printed = printed
        .lines()
        .filter(|line| !line.starts_with("* waiting"));
    assert_eq!(
        printed.next(),
        Some("* Ada, you are in lobby; nobody else is here; Ctrl-C leaves")
    );
    let expected = lines.iter().map(|line| format!("Ada: {line}"));
    assert!(printed.by_ref().take(12).eq(expected));
    assert_eq!(printed.next(), Some("* you left lobby"));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(0));
    server.stop().await;
}

#[tokio::test]
async fn what_no_server_takes_is_named_and_is_an_error_at_the_end() {
    let server = Server::start(0, chat::Options::default()).await;
    let input = format!("one\n{}\n\x1b[2J\n\n two \n", "x".repeat(2001));
    let output = output(ada(server.port), &input).await;
    let printed = String::from_utf8(output.stdout).unwrap();
    let said: Vec<&str> = printed
        .lines()
        .filter(|line| line.starts_with("Ada:"))
        .collect();
    assert_eq!(said, ["Ada: one", "Ada: two"]);
    assert_eq!(printed.matches("* not sent").count(), 2, "{printed}");
    assert!(!printed.contains('\x1b'), "{printed:?}");
    let complaint = "chat: 2 of the lines could not be sent; the output says which\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), complaint);
    assert_eq!(output.status.code(), Some(1));
    server.stop().await;
}

/// The real server refuses all of this. Another one may not.
#[tokio::test]
async fn nothing_that_a_terminal_obeys_comes_through() {
    let (fake, port) = Fake::start().await;
    let mut client = Client::start(ada(port));
    let (mut server, _) = fake.accept().await;
    let hostile = "\x1b[2J\x1b]0;title\x07\u{9b}31m\r\x08\u{7f}\nBob: forged\u{202e}txt.exe";
    server.welcome("e", vec![said(1, hostile, hostile)]).await;
    server
        .say(ServerMessage::Joined {
            name: hostile.into(),
        })
        .await;
    server
        .say(ServerMessage::Closing {
            reason: hostile.into(),
        })
        .await;
    server.close(4000, "\x1b[2J").await;
    let mut printed = String::new();
    while let Some(line) = client.output.next_line().await.unwrap() {
        assert!(!line.starts_with("Bob"), "{line:?}");
        printed.push_str(&line);
    }
    let complaint = client.child.wait_with_output().await.unwrap();
    printed.push_str(
        String::from_utf8(complaint.stderr)
            .unwrap()
            .trim_end_matches('\n'),
    );
    assert!(
        printed.contains("␛[2J") && printed.contains("<U+202E>"),
        "{printed:?}"
    );
    let obeyed = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!printed.contains(obeyed), "{printed:?}");
    assert_eq!(complaint.status.code(), Some(1));
}

#[tokio::test]
async fn it_comes_back_after_a_restart_and_says_what_waited() {
    let server = Server::start(0, chat::Options::default()).await;
    let port = server.port;
    let mut client = Client::start(ada(port));
    client.until("you are in lobby").await;
    server.stop().await;
    let lost = client.until("trying again in").await;
    assert!(lost.contains(" s: the server stops"), "{lost}");
    client.types("written while it was away\n").await;
    let server = Server::start(port, chat::Options::default()).await;
    client.until("connected again").await;
    client.until("counts anew").await;
    client.until("Ada: written while it was away").await;
    assert_eq!(client.end().await, ("* you left lobby\n".into(), Some(0)));
    server.stop().await;
}

#[tokio::test]
async fn a_line_is_said_once_although_the_connection_breaks_before_the_answer() {
    let (fake, port) = Fake::start().await;
    let mut client = Client::start(ada(port));
    let (mut server, join) = fake.accept().await;
    assert!(matches!(
        join,
        ClientMessage::Join {
            after: None,
            of: None,
            ..
        }
    ));
    server.welcome("e", vec![said(6, "Bob", "hi")]).await;
    client
        .types("it arrived\nit got lost\nand one more\n")
        .await;
    assert_eq!(server.hear_line().await.0, "it arrived");
    drop(server); // no close, no answer

    let (mut server, join) = fake.accept().await;
    let expected = (Some(6), Some("e".to_owned()));
    assert!(
        matches!(join, ClientMessage::Join { after, of, .. } if (after, of.clone()) == expected)
    );
    server
        .welcome(
            "e",
            vec![said(7, "Ada", "it arrived"), said(8, "Bob", "oh")],
        )
        .await;
    assert_eq!(server.hear_line().await.0, "it got lost");
    drop(server);

    let (mut server, join) = fake.accept().await;
    assert!(matches!(join, ClientMessage::Join { after: Some(8), .. }));
    server
        .welcome("e", vec![said(9, "Bob", "it got lost")])
        .await; // Bob's, not ours
    assert_eq!(server.accept_line(10).await, "it got lost");
    assert_eq!(server.accept_line(11).await, "and one more");
    client.until("Ada: and one more").await;
    let end = tokio::spawn(client.end());
    // It closes as the protocol wants it.
    assert!(matches!(server.next().await, Some(Message::Close(_))));
    server.goodbye().await;
    assert_eq!(end.await.unwrap(), ("* you left lobby\n".into(), Some(0)));
}

#[tokio::test]
async fn its_own_last_connection_may_still_hold_its_name() {
    let (fake, port) = Fake::start().await;
    let mut client = Client::start(ada(port));
    let (mut server, _) = fake.accept().await;
    server.welcome("e", vec![]).await;
    client.until("you are in lobby").await;
    drop(server);
    let (mut server, _) = fake.accept().await;
    server.close(4001, "this name is taken").await;
    client.until(" s: this name is taken").await;
    let (mut server, _) = fake.accept().await;
    server.welcome("e", vec![]).await;
    client.until("connected again").await;
    let end = tokio::spawn(client.end());
    server.goodbye().await;
    assert_eq!(end.await.unwrap().1, Some(0));
}

#[tokio::test]
async fn who_is_not_wanted_is_told_why() {
    for (code, reason, told) in [
        (4001, "this name is taken", "this name is taken"),
        (
            4000,
            "no such room",
            "the server ended the connection: no such room (4000)",
        ),
        (
            1008,
            "flooding",
            "the server ended the connection: flooding (1008)",
        ),
        (1013, "no Redis", "no Redis"),
    ] {
        let (fake, port) = Fake::start().await;
        let client = tokio::spawn(output(ada(port), "hello\n"));
        let (mut server, _) = fake.accept().await;
        server.close(code, reason).await;
        let output = client.await.unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(complaint, format!("chat: {told}\n"));
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn flags_that_would_do_nothing_are_named() {
    for (arguments, complaint) in [
        (&["join", "Ada", "--redis", "redis://a"][..], "--redis says"),
        (&["join", "Ada", "--heartbeat", "3"], "--heartbeat says"),
        (&["join", "Ada", "--port", "0"], "--port 0 is"),
        (&["--server", "ws://127.0.0.1"], "--server says"),
        (&["join"], "join NAME"),
    ] {
        let mut chat = std::process::Command::new(env!("CARGO_BIN_EXE_chat"));
        let output = chat.args(arguments).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.contains(complaint), "{error}");
    }
}

#[tokio::test]
async fn what_cannot_be_is_one_line() {
    // Nobody listens on a port that was just given back.
    let (fake, port) = Fake::start().await;
    drop(fake);
    let cases = [
        (
            format!("ws://127.0.0.1:{port}"),
            "Ada",
            1,
            "is the server running?",
        ),
        ("wss://127.0.0.1".into(), "Ada", 2, "no TLS"),
        (
            "127.0.0.1:8080".into(),
            "Ada",
            2,
            "such as ws://127.0.0.1:8080",
        ),
        ("ws://".into(), "Ada", 2, "such as ws://"),
        ("ws://a b".into(), "Ada", 2, "such as ws://"),
        ("ws://\x1b[2J/".into(), "Ada", 2, "such as ws://"),
        ("ws://127.0.0.1/else".into(), "Ada", 2, "such as ws://"),
        ("ws://127.0.0.1".into(), "", 2, "name"),
        ("ws://127.0.0.1".into(), "a\u{202e}b", 2, "name"),
    ];
    for (server, name, code, part) in cases {
        let output = output(join(&server, name), "").await;
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{server} {name}: {complaint}"
        );
        assert!(
            complaint.starts_with("chat: ") && complaint.contains(part),
            "{complaint}"
        );
        assert_eq!(complaint.matches('\n').count(), 1, "{complaint}");
        assert!(!complaint.contains('\x1b'), "{complaint:?}");
    }
}

/// As `chat join Ada | head -1`.
#[tokio::test]
async fn it_ends_when_nobody_reads() {
    let (fake, port) = Fake::start().await;
    let mut client = Client::start(ada(port));
    let (mut server, _) = fake.accept().await;
    server.welcome("e", vec![]).await;
    client.until("you are in lobby").await;
    drop(client.output);
    for id in 1..=2 {
        server
            .say(ServerMessage::Said(said(id, "Bob", "hello?")))
            .await;
        tokio::task::yield_now().await;
    }
    server.goodbye().await;
    let status = timeout(PATIENCE, client.child.wait())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(status.code(), Some(0));
}

#[cfg(unix)]
mod unix {
    use common::testing;
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn signalled(client: &Client) {
        let id = client.child.id().unwrap();
        let sent = tokio::task::spawn_blocking(move || testing::signal(id, "INT"));
        assert!(sent.await.unwrap());
    }

    #[tokio::test]
    async fn ctrl_c_says_goodbye() {
        let (fake, port) = Fake::start().await;
        let mut client = Client::start(ada(port));
        let (mut server, _) = fake.accept().await;
        server.welcome("e", vec![]).await;
        client.until("you are in lobby").await;
        signalled(&client).await;
        assert!(matches!(server.next().await, Some(Message::Close(_))));
        server.goodbye().await;
        client.until("you left lobby").await;
        // Its input is still open, and a thread still waits for a line.
        let status = timeout(PATIENCE, client.child.wait())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(status.code(), Some(0));
    }

    #[tokio::test]
    async fn ctrl_c_is_heard_while_the_connection_is_broken() {
        let (fake, port) = Fake::start().await;
        let mut client = Client::start(ada(port));
        let (mut server, _) = fake.accept().await;
        server.welcome("e", vec![]).await;
        client.until("you are in lobby").await;
        drop((server, fake));
        client.until("cannot reach").await;
        signalled(&client).await;
        client.until("you left lobby").await;
        let status = timeout(PATIENCE, client.child.wait())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(status.code(), Some(0));
    }

    /// As with Ctrl-S, or in a pager: more is said than the pipe holds, and nobody reads.
    #[tokio::test]
    async fn ctrl_c_is_heard_while_the_terminal_stands_still() {
        let (fake, port) = Fake::start().await;
        let client = Client::start(ada(port));
        let (mut server, _) = fake.accept().await;
        server.welcome("e", vec![]).await;
        let text = "x".repeat(2000);
        let flood = async {
            for id in 1.. {
                let text = serde_json::to_string(&ServerMessage::Said(said(id, "Bob", &text)));
                if server.0.send(Message::text(text.unwrap())).await.is_err() {
                    break;
                }
            }
        };
        // The buffers on the way are full when it does not get on for so long.
        assert!(timeout(Duration::from_millis(500), flood).await.is_err());
        signalled(&client).await;
        let Client {
            mut child,
            input,
            output,
        } = client;
        let status = timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
        assert_eq!(status.code(), Some(0));
        drop((input, output));
    }

    /// What is being typed stays where it is, and nothing but our own sequences reaches the
    /// terminal. Python has pseudo-terminals in its library.
    #[tokio::test]
    async fn on_a_terminal_the_line_that_is_typed_stays() {
        let Some(python) = testing::python(&["pty", "select"]) else {
            return;
        };
        let (fake, port) = Fake::start().await;
        let mut terminal = Command::new(python);
        terminal.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/terminal.py"));
        terminal.args([env!("CARGO_BIN_EXE_chat"), "join", "Ada", "--server"]);
        terminal.arg(format!("ws://127.0.0.1:{port}"));
        terminal.env("TERM", "xterm").env_remove("NO_COLOR");
        terminal
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut terminal = terminal.spawn().unwrap();
        let mut keys = terminal.stdin.take().unwrap();
        let mut output = terminal.stdout.take().unwrap();

        let (mut server, _) = fake.accept().await;
        server.welcome("e", vec![]).await;
        keys.write_all(b"hel").await.unwrap();
        server
            .say(ServerMessage::Said(said(1, "Bob", "a\x1b[2J")))
            .await;
        keys.write_all(b"lo\n").await.unwrap();
        assert_eq!(server.accept_line(2).await, "hello");
        server
            .say(ServerMessage::Said(said(3, "Bob", "last")))
            .await;
        let mut screen = Vec::new();
        while !String::from_utf8_lossy(&screen).contains("last") {
            let read = timeout(PATIENCE, output.read_buf(&mut screen)).await;
            assert_ne!(
                read.unwrap().unwrap(),
                0,
                "{:?}",
                String::from_utf8_lossy(&screen)
            );
        }
        keys.write_all(b"\x03").await.unwrap(); // Ctrl-C
        assert!(matches!(server.next().await, Some(Message::Close(_))));
        server.goodbye().await;
        let rest = timeout(PATIENCE, output.read_to_end(&mut screen)).await;
        rest.unwrap().unwrap();
        let status = timeout(PATIENCE, terminal.wait()).await.unwrap().unwrap();
        let screen = String::from_utf8(screen).unwrap();
        assert_eq!(status.code(), Some(0), "{screen:?}");
        let above = "\x1bD\x1b[A\x1b7\x1b[L\r\x1b[1mBob:\x1b[m a␛[2J\x1b8\x1b[B";
        assert!(screen.contains(above), "{screen:?}");
        assert!(
            !screen.contains("Ada: hello"),
            "it stands there as it was typed: {screen:?}"
        );
        assert!(screen.ends_with("\r\x1b[K"), "{screen:?}");
    }
}
