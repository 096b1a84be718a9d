//! The page in a real browser: two people, hostile text, breaks, a phone, keys only, and what a page
//! needs so that anybody can use it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::path::Path;
use std::time::Duration;

use common::testing::browser::{Browser, ENTER, TAB, Window};
use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

const AUDIT: &str = include_str!("page/audit.js");

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

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        let stopped = timeout(Duration::from_secs(20), self.serving).await;
        stopped.unwrap().unwrap().unwrap();
    }
}

/// The name is in the box that has the focus: nothing is clicked.
async fn join(window: &Window, url: &str, name: &str) {
    window.open(url).await;
    window
        .until(
            "the name has the focus",
            "document.activeElement.id === 'name'",
        )
        .await;
    window.press(&format!("{name}{ENTER}")).await;
    connected(window, name).await;
}

async fn connected(window: &Window, name: &str) {
    let state = format!("state.textContent.startsWith('Connected as {name}')");
    window.until("connected", &state).await;
    window
        .until(
            "the box has the focus",
            "document.activeElement.id === 'text'",
        )
        .await;
}

/// As if pasted: keys cannot type everything.
async fn paste(window: &Window, text: &str) {
    let script = "const box = document.getElementById('text');
        box.value = arguments[0];
        box.dispatchEvent(new Event('input'));
        composer.requestSubmit();";
    window.run_with(script, json!([text])).await;
}

/// Waits for a message of this text in the log, and that all of ours have been accepted.
async fn sees(window: &Window, text: &str) {
    let text = json!(text);
    let what = format!("sees {text}");
    let expression = format!(
        "!document.querySelector('.unsent') && \
         [...document.querySelectorAll('#log .text')].some((one) => one.textContent === {text})"
    );
    window.until(&what, &expression).await;
}

/// What a reader of the log sees: names where they are shown, texts, notes.
async fn texts(window: &Window) -> serde_json::Value {
    window
        .run("return [...document.querySelectorAll('#log .text')].map((one) => one.textContent)")
        .await
}

/// With `WRITE_SCREENSHOTS=1`: a picture for the chapter.
async fn picture(window: &Window, name: &str) {
    if std::env::var_os("WRITE_SCREENSHOTS").is_some_and(|value| value == "1") {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tutorials/pictures");
        window.screenshot(&folder.join(name)).await;
    }
}

async fn is_sound(window: &Window, when: &str) {
    for scheme in ["light", "dark"] {
        window.prefer("prefers-color-scheme", scheme).await;
        assert_eq!(window.run(AUDIT).await, json!([]), "{when}, {scheme}");
    }
}

#[tokio::test]
async fn two_people_talk_and_text_is_text() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let server = Server::start(0, chat::Options::default()).await;
    let desk = browser.window(960, 620).await;
    let phone = browser.window(360, 640).await;
    desk.open(&server.url()).await;
    is_sound(&desk, "the door").await;
    phone.open(&server.url()).await;
    is_sound(&phone, "the door on a phone").await;

    join(&desk, &server.url(), "Ada").await;
    phone.type_into("#name", " ADA ").await;
    phone.click("#enter").await;
    phone
        .until(
            "the name is taken",
            "document.getElementById('door-problem').textContent",
        )
        .await;
    is_sound(&phone, "a taken name").await;
    assert_eq!(
        phone
            .run("return document.getElementById('name').getAttribute('aria-invalid')")
            .await,
        "true"
    );
    phone
        .run("document.getElementById('name').value = ''")
        .await;
    phone.type_into("#name", "Борис").await;
    phone.click("#enter").await;
    connected(&phone, "Борис").await;

    desk.press(&format!("Good morning, is anybody here?{ENTER}"))
        .await;
    sees(&phone, "Good morning, is anybody here?").await;
    phone
        .type_into(
            "#text",
            "Good morning. I am on a phone, and this line is too long for it.",
        )
        .await;
    phone.click("#composer button").await;
    sees(
        &desk,
        "Good morning. I am on a phone, and this line is too long for it.",
    )
    .await;
    let people =
        "return [...document.querySelectorAll('#people li')].map((one) => one.textContent)";
    assert_eq!(desk.run(people).await, json!(["Ada (you)", "Борис"]));
    assert_eq!(desk.text("#how-many").await, "2");

    // All of this is text. None of it becomes a part of the page, or turns the page around.
    let hostile = [
        "<img src=x onerror=\"document.title='hit'\">".to_owned(),
        "<script>document.title='hit'</script><b>bold</b>&amp;".to_owned(),
        "one\n\ttwo".to_owned(),
        "שלום, from right to left".to_owned(),
        "🦀".repeat(2000),
    ];
    for text in &hostile {
        paste(&desk, text).await;
        sees(&phone, text).await;
        sees(&desk, text).await;
    }
    paste(&desk, "abc\u{202e}txt.exe").await;
    sees(&phone, "abcU+202Etxt.exe").await;
    for window in [&desk, &phone] {
        let strange = window
            .run("return document.querySelectorAll('#log :not(div, p, bdi, time, span)').length")
            .await;
        assert_eq!(strange, 0);
        let title = window.run("return document.title").await;
        assert_eq!(title, "lobby – Chat");
    }
    is_sound(&desk, "the room").await;
    is_sound(&phone, "the room on a phone").await;
    phone.click("summary").await;
    is_sound(&phone, "the people on a phone").await;

    phone.click("#leave").await;
    desk.until(
        "he has left",
        "log.lastElementChild.textContent === 'Борис left'",
    )
    .await;
    assert_eq!(desk.text("#how-many").await, "1");
    phone
        .until("the door", "document.activeElement.id === 'name'")
        .await;

    // Nothing was forbidden by the policy, and no script failed.
    assert_eq!(desk.console().await, [""; 0]);
    assert_eq!(phone.console().await, [""; 0]);
    server.stop().await;
}

#[tokio::test]
async fn what_is_refused_stays_in_the_box() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let options = chat::Options {
        burst: 2,
        rate: 1e-3,
        ..chat::Options::default()
    };
    let server = Server::start(0, options).await;
    let window = browser.window(360, 640).await;
    join(&window, &server.url(), "Ada").await;

    let long = "🦀".repeat(2001);
    paste(&window, &long).await;
    window
        .until(
            "too long",
            "problem.textContent.includes('2001 characters')",
        )
        .await;
    assert_eq!(
        window
            .run("return document.getElementById('text').value")
            .await,
        json!(long)
    );
    assert_eq!(window.text("#count").await, "2001 of 2000");
    is_sound(&window, "a text that is too long").await;
    // Sent as a whole it would have ended the connection: more than 16 KiB.
    paste(&window, &"🦀".repeat(5000)).await;
    window
        .until(
            "too long",
            "problem.textContent.includes('5000 characters')",
        )
        .await;

    for text in ["one", "two"] {
        paste(&window, text).await;
        sees(&window, text).await;
    }
    // In one go: the second waits for the answer to the first, and comes back with it, in order.
    let script = "for (const text of ['three', 'four']) {
        document.getElementById('text').value = text;
        composer.requestSubmit();
    }";
    window.run(script).await;
    let back = "document.getElementById('text').value === 'three\\nfour' && problem.textContent";
    window.until("refused", back).await;
    assert_eq!(
        window
            .run("return document.getElementById('text').getAttribute('aria-invalid')")
            .await,
        "true"
    );
    assert_eq!(texts(&window).await, json!(["one", "two"]));
    is_sound(&window, "a refusal").await;
    window.press(" ").await;
    assert_eq!(window.run("return problem.textContent").await, "");
    assert_eq!(window.console().await, [""; 0]);
    server.stop().await;
}

/// A way to the server that can be closed and opened.
struct Way {
    port: u16,
    server: u16,
    open: Option<JoinHandle<()>>,
}

impl Way {
    async fn to(server: u16) -> Self {
        let mut way = Self {
            port: 0,
            server,
            open: None,
        };
        way.open().await;
        way
    }

    async fn open(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.port = listener.local_addr().unwrap().port();
        let server = self.server;
        self.open = Some(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                connections.spawn(async move {
                    let mut far = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                });
            }
        }));
    }

    /// Breaks every connection, without a word of the protocol.
    async fn close(&mut self) {
        let open = self.open.take().unwrap();
        open.abort();
        let _ = open.await;
    }
}

#[tokio::test]
async fn who_comes_back_sees_what_was_said_and_nothing_twice() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let server = Server::start(0, chat::Options::default()).await;
    let mut way = Way::to(server.port).await;
    let ada = browser.window(960, 620).await;
    let bob = browser.window(360, 640).await;
    join(&ada, &format!("http://127.0.0.1:{}/", way.port), "Ada").await;
    join(&bob, &server.url(), "Bob").await;
    paste(&bob, "before").await;
    sees(&ada, "before").await;

    way.close().await;
    ada.until(
        "it says so",
        "state.textContent.startsWith('Connection lost. Trying again')",
    )
    .await;
    bob.until(
        "she is gone",
        "log.lastElementChild.textContent === 'Ada left'",
    )
    .await;
    for text in ["while she was away", "and this"] {
        paste(&bob, text).await;
        sees(&bob, text).await;
    }
    for text in ["written", "without a connection"] {
        paste(&ada, text).await;
    }
    assert_eq!(
        ada.run("return document.querySelectorAll('.unsent').length")
            .await,
        2
    );
    is_sound(&ada, "while the connection is broken").await;
    way.open().await;
    // Not `click`: an attempt may have begun by itself, and then the button is not there.
    ada.run("document.getElementById('retry').click()").await;
    ada.until(
        "back",
        "state.textContent === 'Connected as Ada, 2 messages while you were away'",
    )
    .await;
    sees(&ada, "without a connection").await;
    let all = json!([
        "before",
        "while she was away",
        "and this",
        "written",
        "without a connection"
    ]);
    assert_eq!(texts(&ada).await, all);
    sees(&bob, "without a connection").await;
    assert_eq!(texts(&bob).await, all);

    // The server itself goes, and comes back without its memory.
    let port = server.port;
    server.stop().await;
    bob.until("told", "log.textContent.includes('he server stops')")
        .await;
    bob.until("trying", "state.textContent.includes('Trying again')")
        .await;
    paste(&bob, "still here?").await;
    let server = Server::start(port, chat::Options::default()).await;
    // By itself, after a while.
    bob.until("back", "state.textContent.startsWith('Connected as Bob')")
        .await;
    sees(&ada, "still here?").await;
    let notes = "return [...document.querySelectorAll('.note')].map((one) => one.textContent)";
    let notes = ada.run(notes).await.to_string();
    assert!(notes.contains("counts anew"), "{notes}");
    assert_eq!(texts(&ada).await.as_array().unwrap().len(), 6);
    way.close().await;
    server.stop().await;
}

#[tokio::test]
async fn keys_are_enough() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let server = Server::start(0, chat::Options::default()).await;
    let window = browser.window(960, 620).await;
    window.open(&server.url()).await;
    let focus = async || {
        // Between the last control and the first one nothing has the focus: the page itself.
        let script = "const { id, tagName, textContent } = document.activeElement;
            return id || (tagName === 'BODY' ? '' : textContent.trim());";
        window.run(script).await
    };
    assert_eq!(focus().await, "name");
    window.press(&format!("Ada{TAB}")).await;
    assert_eq!(focus().await, "room");
    window.press(TAB).await;
    assert_eq!(focus().await, "enter");
    window.press(ENTER).await;
    connected(&window, "Ada").await;
    window.press(&format!("by keys{ENTER}")).await;
    sees(&window, "by keys").await;

    // Around the page once. Each stop can be seen.
    let mut stops = Vec::new();
    for _ in 0..6 {
        window.press(TAB).await;
        let outline = window
            .run("return parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
            .await;
        let stop = focus().await;
        assert!(
            stop == "" || outline.as_f64() >= Some(2.0),
            "{stop}: {outline}"
        );
        stops.push(stop);
    }
    for expected in ["Send", "leave", "log", "text"] {
        assert!(
            stops.iter().any(|stop| stop == expected),
            "{expected}: {stops:?}"
        );
    }
    server.stop().await;
}

/// What makes HTML out of text is not in the script at all, so nobody has to look at what it is given.
#[test]
fn the_script_has_no_means_to_make_html() {
    let script = include_str!("../src/page/chat.js");
    for means in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "DOMParser",
        "setHTML",
        "eval(",
    ] {
        assert!(!script.contains(means), "{means}");
    }
    assert!(script.contains("textContent"));
}

/// The audit is worth something only if it finds what is wrong.
#[tokio::test]
async fn the_audit_finds_what_is_wrong() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let server = Server::start(0, chat::Options::default()).await;
    let window = browser.window(360, 640).await;
    for (damage, complaint) in [
        (
            "document.querySelector('label').remove()",
            "input#name has no name",
        ),
        (
            "document.getElementById('name-hint').remove()",
            "is described by nothing",
        ),
        (
            "document.getElementById('name-hint').style.color = '#999'",
            "contrast",
        ),
        (
            "document.getElementById('name').style.borderColor = '#eee'",
            "the edge of input#name",
        ),
        (
            "document.getElementById('enter').style.cssText = 'min-height: 0; height: 20px'",
            "20 pixels",
        ),
        (
            "document.getElementById('name').tabIndex = 3",
            "changes the order",
        ),
        (
            "document.getElementById('door').style.width = '400px'",
            "cut off",
        ),
        ("document.documentElement.lang = ''", "no language"),
        ("document.querySelector('h1').remove()", "not one h1"),
        ("document.getElementById('room').id = 'name'", "twice"),
    ] {
        window.open(&server.url()).await;
        assert_eq!(window.run(AUDIT).await, json!([]));
        window.run(damage).await;
        let problems = window.run(AUDIT).await.to_string();
        assert!(problems.contains(complaint), "{damage}: {problems}");
    }
    server.stop().await;
}

/// The pictures of the chapter, and what is only seen in a full room: the way back to the newest.
#[tokio::test]
async fn a_full_room_can_be_read() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let server = Server::start(
        0,
        chat::Options {
            burst: 0,
            ..chat::Options::default()
        },
    )
    .await;
    let ada = browser.window(860, 560).await;
    let bob = browser.window(360, 640).await;
    join(&ada, &server.url(), "Ada").await;
    join(&bob, &server.url(), "Bob").await;
    bob.prefer("prefers-color-scheme", "dark").await;
    for n in 0..40 {
        paste(&ada, &format!("line {n}")).await;
        sees(&ada, &format!("line {n}")).await;
    }
    let is_at_end = "log.scrollHeight - log.scrollTop - log.clientHeight < 2 && latest.hidden";
    sees(&bob, "line 39").await;
    bob.until("the newest is in view", is_at_end).await;
    bob.run("log.scrollTop = 0").await;
    bob.until("he reads above", "!latest.hidden").await;
    paste(&ada, "Has anybody seen my slow reader?").await;
    bob.until("he is told", "latest.textContent === '1 new message ↓'")
        .await;
    assert_eq!(bob.run("return log.scrollTop").await, 0);
    bob.click("#latest").await;
    bob.until("the newest is in view", is_at_end).await;
    paste(&bob, "It was told that it missed 40 messages, and went on.").await;
    sees(&ada, "It was told that it missed 40 messages, and went on.").await;
    paste(
        &ada,
        "<img src=x onerror=alert(1)> is a text like any other.",
    )
    .await;
    paste(&bob, "abc\u{202e}txt.exe").await;
    paste(&ada, "שלום!").await;
    sees(&bob, "שלום!").await;
    sees(&ada, "abcU+202Etxt.exe").await;
    is_sound(&bob, "a full room on a phone").await;
    ada.prefer("prefers-color-scheme", "light").await;
    bob.until("the newest is in view", is_at_end).await;
    picture(&ada, "chat.png").await;
    picture(&bob, "chat-phone.png").await;
    server.stop().await;
}
