//! A real browser for tests: Chromium, driven by `chromedriver` over the `WebDriver` protocol.
//!
//! The lines that a test needs are few, and a library for them brings second versions of several
//! crates. The protocol is JSON over HTTP: <https://www.w3.org/TR/webdriver2/>.
//!
//! Everything here panics with a sentence when the browser refuses: a test is the only caller.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "the module says it once"
)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::skip;

/// The key that moves the focus on, for [`Window::press`].
pub const TAB: &str = "\u{e004}";
/// The key that sends a form, for [`Window::press`].
pub const ENTER: &str = "\u{e007}";

/// How long [`Window::until`] waits at most. Only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// `chromedriver` and the browsers that it started, until this value or this program ends.
pub struct Browser {
    /// Its standard input is the leash: the shell waits for its end.
    shell: Child,
    port: u16,
}

impl Browser {
    /// Starts `chromedriver`, if it and Chromium are installed; else [`skip`]s.
    #[must_use]
    pub fn start() -> Option<Self> {
        if !cfg!(unix) || !is_there("chromedriver") {
            skip("needs chromedriver and Chromium");
            return None;
        }
        // When its input ends, because this value is dropped or this program was killed, the shell
        // ends all that is in its process group, and removes the profiles.
        let script = r#"TMPDIR=$(mktemp -d); export TMPDIR
            chromedriver --port=0 & read -r _
            kill $!; wait; rm -rf "$TMPDIR"; kill -KILL 0"#;
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = shell.stderr(Stdio::null()).spawn().expect("sh");
        let output = BufReader::new(shell.stdout.take().expect("it was piped"));
        let port = output.lines().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        let port = port.expect("chromedriver says its port");
        Some(Self { shell, port })
    }

    /// Opens a window with a profile of its own, as another person would have it; sizes in pixels.
    ///
    /// It closes with the [`Browser`].
    pub async fn window(&self, width: u32, height: u32) -> Window {
        let mut window = Window {
            port: self.port,
            session: String::new(),
        };
        // Chromium's sandbox refuses to run as root, as CI does. `/dev/shm` is small in containers.
        let size = format!("--window-size={width},{height}");
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            &size,
        ];
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let made = window.call("POST", "", &capabilities).await;
        let session = made["sessionId"].as_str().expect("a session");
        window.session = format!("/{session}");
        // A headless window is not made narrower than 500 pixels by its arguments: the page is
        // told the size of a device instead.
        let device = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500,
        }});
        window.post("/goog/cdp/execute", device).await;
        window
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// One window of a [`Browser`].
pub struct Window {
    port: u16,
    /// `/` and the name of the session; empty until it is made.
    session: String,
}

impl Window {
    /// Opens a page and waits until it is loaded.
    pub async fn open(&self, url: &str) {
        self.post("/url", json!({ "url": url })).await;
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        self.post("/refresh", json!({})).await;
    }

    /// Runs the body of a function in the page, and gives what it returns: `return document.title`.
    pub async fn run(&self, script: &str) -> Value {
        self.run_with(script, json!([])).await
    }

    /// As [`run`](Self::run), with a list of `arguments`, which the script finds in `arguments`.
    pub async fn run_with(&self, script: &str, arguments: Value) -> Value {
        let body = json!({ "script": script, "args": arguments });
        self.post("/execute/sync", body).await
    }

    /// Runs an expression again and again until it is true, and gives its value. `what` says in
    /// the report what was waited for.
    pub async fn until(&self, what: &str, expression: &str) -> Value {
        let begin = Instant::now();
        loop {
            let value = self.run(&format!("return {expression}")).await;
            let is_true = match &value {
                Value::Null => false,
                Value::Bool(is_true) => *is_true,
                Value::Number(number) => number.as_f64() != Some(0.0),
                Value::String(text) => !text.is_empty(),
                Value::Array(_) | Value::Object(_) => true,
            };
            if is_true {
                return value;
            }
            if begin.elapsed() > PATIENCE {
                let page = self.run("return document.body.innerText").await;
                let errors = self.console().await;
                panic!("never: {what}\n  {expression}\nconsole: {errors:?}\npage: {page}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The text of the element, as a reader sees it.
    pub async fn text(&self, selector: &str) -> String {
        let element = self.element(selector).await;
        let path = format!("{element}/text");
        let text = self.call("GET", &path, &Value::Null).await;
        text.as_str().expect("text").to_owned()
    }

    /// Clicks the element as a mouse does: it must be seen, and nothing may lie over it.
    pub async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        self.post(&format!("{element}/click"), json!({})).await;
    }

    /// Types into the element by keys; [`ENTER`] at the end sends a form.
    ///
    /// `chromedriver` refuses characters beyond U+FFFF: put such text in by [`run_with`].
    ///
    /// [`run_with`]: Self::run_with
    pub async fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        let body = json!({ "text": text });
        self.post(&format!("{element}/value"), body).await;
    }

    /// Presses keys one after the other, wherever the focus is: [`TAB`], [`ENTER`], letters.
    pub async fn press(&self, keys: &str) {
        let presses: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })))
            .collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": presses });
        self.post("/actions", json!({ "actions": [keyboard] }))
            .await;
    }

    /// Pretends that the reader prefers this: `("prefers-color-scheme", "dark")`.
    pub async fn prefer(&self, feature: &str, value: &str) {
        let features = json!([{ "name": feature, "value": value }]);
        let body =
            json!({ "cmd": "Emulation.setEmulatedMedia", "params": { "features": features } });
        self.post("/goog/cdp/execute", body).await;
    }

    /// What the page and the browser wrote to the console since the last call: errors of scripts,
    /// refused connections, what its security policy forbade.
    pub async fn console(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({ "type": "browser" })).await;
        let lines = log.as_array().expect("a list").iter();
        let line = |entry: &Value| format!("{}: {}", entry["level"], entry["message"]);
        lines.map(line).collect()
    }

    /// What the window shows, as PNG.
    pub async fn screenshot(&self, file: &Path) {
        let image = self.call("GET", "/screenshot", &Value::Null).await;
        let image = BASE64.decode(image.as_str().expect("an image"));
        std::fs::write(file, image.expect("base64")).expect("the screenshot can be written");
    }

    /// Closes the window, as the person would.
    pub async fn close(self) {
        self.call("DELETE", "", &Value::Null).await;
    }

    async fn element(&self, selector: &str) -> String {
        let body = json!({ "using": "css selector", "value": selector });
        let found = self.post("/element", body).await;
        let mut names = found.as_object().expect("an element").values();
        let name = names.next_back().and_then(Value::as_str).expect("its name");
        format!("/element/{name}")
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.call("POST", path, &body).await
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await;
        let stream = TokioIo::new(stream.expect("chromedriver listens"));
        let handshake = hyper::client::conn::http1::handshake(stream).await;
        let (mut sender, connection) = handshake.expect("chromedriver speaks HTTP");
        let connection = tokio::spawn(connection);
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("/session{}{path}", self.session))
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)));
        let answer = sender.send_request(request.expect("a request")).await;
        let answer = answer.expect("chromedriver answers").into_body();
        let answer = answer.collect().await.expect("a whole answer").to_bytes();
        connection.abort();
        let mut answer: Value = serde_json::from_slice(&answer).expect("JSON");
        let value = answer["value"].take();
        assert!(value.get("error").is_none(), "{method} {path}: {value:#}");
        value
    }
}
