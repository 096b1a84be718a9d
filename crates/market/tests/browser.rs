//! The page in a real browser. Needs Chromium and chromedriver.
//!
//! With `WRITE_SCREENSHOTS=1` the pictures of the chapter are drawn anew.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails with the line of its unwrap"
)]

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use common::testing::browser::{Browser, ENTER, TAB, Window};
use common::testing::python;
use serde_json::{Value, json};

const RIGHT: &str = "\u{e014}";
const LEFT: &str = "\u{e012}";

/// A server, until this value or this program ends.
struct Server {
    shell: Child,
    /// Kept: a program that prints its last line into a closed pipe fails.
    _output: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    fn start(flags: &[&str]) -> Self {
        Self::run(OsStr::new(env!("CARGO_BIN_EXE_market")), &[], flags)
    }

    fn run(program: &OsStr, arguments: &[OsString], flags: &[&str]) -> Self {
        // Its standard input is the leash: a word is the signal to send, and its end is KILL.
        let script = r#""$0" "$@" & read -r signal; kill -"${signal:-KILL}" $!; wait"#;
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).arg(program).args(arguments);
        shell.args(flags);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(shell.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let address = line.split_whitespace().find(|word| word.contains("://"));
        let address = address.unwrap_or_else(|| panic!("no address in {line:?}"));
        Self {
            address: address.to_owned(),
            _output: output,
            shell,
        }
    }

    fn port(&self) -> String {
        self.address.rsplit(':').next().unwrap().to_owned()
    }

    fn stop(mut self, signal: &str) {
        let mut leash = self.shell.stdin.take().unwrap();
        writeln!(leash, "{signal}").unwrap();
        self.shell.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

const LIVE: &str = "document.getElementById('state').dataset.state === 'live'";
const SYMBOLS: &str = "document.querySelectorAll('#symbols tr').length === 6";

/// Whether something is drawn in the chart. It looks at a copy: Chromium warns of a canvas that is read
/// twice, and the tests below want a console without a word.
const DRAWN: &str = "(() => { const { width, height } = chart; \
    const copy = Object.assign(document.createElement('canvas'), { width, height }); \
    const pen = copy.getContext('2d', { willReadFrequently: true }); pen.drawImage(chart, 0, 0); \
    const all = pen.getImageData(0, 0, width, height).data; \
    let ink = 0; for (let i = 3; i < all.length; i += 4) ink += all[i] > 0; return ink > 2000; })()";

/// The lowest contrast of all texts, with the text that has it.
const CONTRAST: &str = "
    const parse = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
      .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = (element) => {
      for (; element; element = element.parentElement) {
        const color = parse(getComputedStyle(element).backgroundColor);
        if (color.length === 3 || color[3] > 0) return color;
      }
      return [255, 255, 255];
    };
    let worst = [21, ''];
    for (const element of document.body.querySelectorAll('*')) {
      const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
      if (!own || !element.checkVisibility() || element.closest('.hidden, td[class*=ticked]')) continue;
      const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < worst[0]) worst = [ratio, element.textContent];
    }
    return worst;";

async fn open(browser: &Browser, server: &Server, width: u32, height: u32) -> Window {
    let window = browser.window(width, height).await;
    window.open(&server.address).await;
    window.until("it is live", LIVE).await;
    window.until("all symbols are there", SYMBOLS).await;
    window
}

/// The page changes although nobody touches it, and complains of nothing.
async fn updates_itself(window: &Window) {
    window.until("the chart is drawn", DRAWN).await;
    let before = window.text("#clock").await;
    let script = format!("document.getElementById('clock').textContent > '{before}'");
    window.until("time goes on", &script).await;
    let price = window.text("#price").await;
    let script = format!("document.getElementById('price').textContent !== '{price}'");
    window.until("the price changes", &script).await;
    assert_eq!(window.console().await, [""; 0]);
}

#[tokio::test]
async fn the_page_updates_itself() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let server = Server::start(&["--port", "0", "--speed", "5"]);
    let window = open(&browser, &server, 1280, 900).await;
    updates_itself(&window).await;
    assert_eq!(window.text("#source").await, "simulated exchange, seed 7");
    let alerts = "document.querySelectorAll('#alerts li').length === 20";
    window.until("twenty alerts are kept", alerts).await;
    // The values behind the chart stand in a table, the open bar first.
    let first = "document.querySelector('#bars tr td:last-child').textContent === 'open'";
    window.until("the newest bar is open", first).await;
    let label = window.run("return chart.ariaLabel").await;
    let label = label.as_str().unwrap();
    assert!(
        label.starts_with("ACME, 60 bars from 14:3"),
        "what a screen reader says of the chart: {label}"
    );
    // Up and down differ by more than their colour.
    let shown = "[...document.querySelectorAll('#symbols .change')].map((cell) => \
        [cell.textContent[0], cell.textContent[2], cell.classList.contains('up')].join(' '))";
    let shown = window.run(&format!("return {shown}")).await;
    for change in shown.as_array().unwrap() {
        let change = change.as_str().unwrap();
        assert!(
            ["▲ + true", "▼ − false", "■ 0 false"].contains(&change),
            "{change}"
        );
    }
    // Whatever somebody has typed behind the address.
    window.open(&format!("{}/#%", server.address)).await;
    window.reload().await;
    updates_itself(&window).await;
}

#[tokio::test]
async fn it_is_read_on_a_phone_in_the_dark_and_by_keys() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let server = Server::start(&["--port", "0"]);
    for (width, scheme) in [
        (360, "light"),
        (360, "dark"),
        (1280, "light"),
        (1280, "dark"),
    ] {
        let window = open(&browser, &server, width, 800).await;
        window.prefer("prefers-color-scheme", scheme).await;
        let wide = window
            .run("return document.documentElement.scrollWidth")
            .await;
        assert_eq!(wide, width, "nothing sticks out at the right");
        let worst = window.run(CONTRAST).await;
        assert!(
            worst[0].as_f64().unwrap() >= 4.5,
            "contrast in {scheme}: {worst}"
        );
    }

    let window = open(&browser, &server, 1280, 800).await;
    // Skip link, pause, and then the symbols.
    window.press(&format!("{TAB}{TAB}{TAB}{TAB}{ENTER}")).await;
    let bolt = "document.getElementById('view-title').textContent === 'BOLT'";
    window.until("BOLT is chosen by keys", bolt).await;
    let pressed = window
        .run("return document.querySelector('#symbols [aria-pressed=true]').textContent")
        .await;
    assert_eq!(pressed, "BOLT");
    assert_eq!(window.run("return location.hash").await, "#BOLT");
    window.run("chart.focus()").await;
    window.press(&format!("{LEFT}{LEFT}{LEFT}{RIGHT}")).await;
    let readout = window.text("#readout").await;
    assert!(
        readout.contains("open ") && readout.contains("VWAP "),
        "{readout}"
    );
    // Each control has a name, and the one that is reached by keys can be seen.
    let nameless = "[...document.querySelectorAll('button, input, canvas, summary, [role=region]')]\
        .filter((each) => !(each.ariaLabel || each.textContent || each.labels?.length)).length";
    assert_eq!(window.run(&format!("return {nameless}")).await, 0);
    let outline = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(window.run(outline).await, "solid");
}

#[tokio::test]
async fn paused_it_stands_still_and_then_catches_up() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let server = Server::start(&["--port", "0", "--speed", "20"]);
    let window = open(&browser, &server, 1280, 800).await;
    window.click("#pause").await;
    let stopped = window.text("#clock").await;
    let counted =
        "/paused, [1-9]\\d* updates since/.test(document.getElementById('state').innerText)";
    window
        .until("it counts what it does not show", counted)
        .await;
    assert_eq!(window.text("#clock").await, stopped);
    // Whoever pauses wants to look: a bar is described, and nothing else has moved.
    let price = window.text("#price").await;
    let point = "const chart = document.getElementById('chart'); \
        chart.focus(); \
        chart.dispatchEvent(new KeyboardEvent('keydown', { key: 'Home', bubbles: true }));";
    window.run(point).await;
    let described = "document.getElementById('readout').textContent.includes('open')";
    window.until("the bar is described", described).await;
    let drawn = "return new Promise((done) => requestAnimationFrame(() => done()))";
    window.run(drawn).await;
    assert_eq!(window.text("#clock").await, stopped);
    assert_eq!(window.text("#price").await, price);
    window.click("#pause").await;
    let script = format!("document.getElementById('clock').textContent > '{stopped}'");
    window.until("it goes on", &script).await;
}

#[tokio::test]
async fn it_goes_on_with_a_server_that_was_started_again() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let server = Server::start(&["--port", "0", "--seed", "1"]);
    let window = open(&browser, &server, 1280, 800).await;
    let port = server.port();
    server.stop("TERM");
    let away = "document.getElementById('state').dataset.state === 'away'";
    window.until("it says that the server is gone", away).await;
    assert_eq!(
        window
            .run("return document.querySelectorAll('#symbols tr').length")
            .await,
        6,
        "what was known stays"
    );
    let server = Server::start(&["--port", &port, "--seed", "2"]);
    let other = "document.getElementById('source').textContent.endsWith('seed 2')";
    window
        .until("it shows the new server's market", other)
        .await;
    window.until("it is live again", LIVE).await;
    // Killed, a server says no word.
    drop(server);
    window.until("it notices that too", away).await;
}

/// What the page shows at the end is what the report prints, though the tab slept through it.
#[tokio::test]
async fn a_tab_that_was_busy_shows_the_end_of_the_replay() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trades.csv");
    let market = || Command::new(env!("CARGO_BIN_EXE_market"));
    let file = file.to_str().unwrap();
    let flags = ["record", file, "--trades", "20000"];
    assert!(market().args(flags).status().unwrap().success());
    let report = market().args(["report", "--replay", file]).output();
    let report = String::from_utf8(report.unwrap().stdout).unwrap();

    // A pipe in the place of the file: half of the trades come when the tab is busy, and not before.
    let pipe = folder.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let trades = std::fs::read_to_string(file).unwrap();
    let half = trades.len() / 2 + trades[trades.len() / 2..].find('\n').unwrap() + 1;
    let (busy, is_busy) = std::sync::mpsc::channel();
    let into = pipe.clone();
    let feeding = std::thread::spawn(move || {
        let mut into = std::fs::OpenOptions::new().write(true).open(into).unwrap();
        into.write_all(&trades.as_bytes()[..half]).unwrap();
        let () = is_busy.recv().unwrap();
        into.write_all(&trades.as_bytes()[half..]).unwrap();
    });
    let pipe = pipe.to_str().unwrap();
    let flags = [
        "--port", "0", "--replay", pipe, "--speed", "max", "--rate", "1000",
    ];
    let server = Server::start(&flags);
    let window = open(&browser, &server, 1280, 800).await;
    let count = "window.drawings = window.frames_seen = 0;
        const clear = CanvasRenderingContext2D.prototype.clearRect;
        CanvasRenderingContext2D.prototype.clearRect = function (...all) {
          window.drawings += 1; return clear.apply(this, all); };
        const frame = () => { window.frames_seen += 1; requestAnimationFrame(frame); };
        requestAnimationFrame(frame);
        const busy = () => { const until = performance.now() + 700; while (performance.now() < until); };
        setTimeout(busy, 0);";
    // Counted before there is anything to count.
    window.run(count).await;
    busy.send(()).unwrap();
    feeding.join().unwrap();
    let over = "document.getElementById('state-text').textContent === 'the replay is over'";
    window.until("it is over", over).await;
    // It says so at once, and draws with the next frame.
    let last = "requestAnimationFrame(() => window.done = true) && window.done";
    window.until("the last frame is drawn", last).await;
    let counts = window.run("return [drawings, frames_seen]").await;
    let count = |at: usize| counts[at].as_u64().unwrap();
    assert!(
        count(0) > 0 && count(0) <= count(1) + 1,
        "at most one drawing a frame: {counts}"
    );
    let cells = "[...document.querySelectorAll('#symbols tr')].map((row) => \
        [row.querySelector('button').textContent, row.querySelector('.last').textContent, \
         row.querySelector('.late').textContent])";
    let shown = window.run(&format!("return {cells}")).await;
    assert_eq!(shown, of_report(&report));
    assert_eq!(window.console().await, [""; 0]);
}

/// Symbols, last prices as the page writes them, and how many were late.
fn of_report(report: &str) -> Value {
    let rows = report
        .lines()
        .skip_while(|line| !line.starts_with("symbol"));
    let rows = rows.skip(1).take(6).map(|line| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let last = cells[4].strip_suffix("00").unwrap();
        json!([cells[0], last, cells[2]])
    });
    rows.collect()
}

#[tokio::test]
async fn the_page_lives_with_aiohttp_too() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let Some(python) = python(&["aiohttp"]) else {
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("market.py");
    let flags = ["--port", "0", "--speed", "5"];
    let server = Server::run(python.as_os_str(), &[script.into()], &flags);
    let window = open(&browser, &server, 1280, 900).await;
    updates_itself(&window).await;
    server.stop("TERM");
    let away = "document.getElementById('state').dataset.state === 'away'";
    window.until("it says that the server is gone", away).await;
}

/// Chromium has six connections for a host, over all tabs, as HTTP/1.1 goes. A stream keeps one.
#[tokio::test]
async fn a_browser_has_six_streams_and_then_waits() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let server = Server::start(&["--port", "0"]);
    let window = open(&browser, &server, 1280, 800).await;
    window
        .run("window.more = Array.from({ length: 5 }, () => new EventSource('events'))")
        .await;
    let open = "more.every((each) => each.readyState === EventSource.OPEN)";
    window.until("six are open", open).await;
    window
        .run(
            "window.seventh = 'waits'; fetch('state').then(() => { seventh = 'done'; }); \
             window.news = 0; \
             more[1].addEventListener('update', () => { news += 1; })",
        )
        .await;
    // The six go on meanwhile; the seventh would have been answered long ago.
    window.until("others get news", "news > 5").await;
    assert_eq!(window.run("return seventh").await, "waits");
    window.run("more[0].close()").await;
    window
        .until("there is a connection", "seventh === 'done'")
        .await;
}

#[tokio::test]
async fn pictures_of_the_chapter() {
    if env::var_os("WRITE_SCREENSHOTS").is_none_or(|value| value.is_empty()) {
        return;
    }
    let Some(browser) = Browser::start() else {
        return;
    };
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tutorials/pictures");
    let server = Server::start(&["--port", "0", "--head-start", "420"]);
    for (name, width, height, scheme, symbol) in [
        ("market.png", 640, 480, "light", "CRUX"),
        ("market-phone.png", 360, 640, "dark", "EMBR"),
    ] {
        let window = open(&browser, &server, width, height).await;
        window.prefer("prefers-color-scheme", scheme).await;
        window.open(&format!("{}/#{symbol}", server.address)).await;
        window.reload().await;
        window.until("the chart is drawn", DRAWN).await;
        window.screenshot(&pictures.join(name)).await;
    }
}
