//! One HTTP suite for every server of the notes, whatever it is written in.
//!
//! The suite sees a server as its clients do: it sends requests to an address and looks at the
//! answers. So the same steps judge hyper, axum, aiohttp and Tornado, and any database behind
//! them. The steps are data ([`steps`], [`probes`]); [`run`] and [`run_probes`] send them.
//!
//! The server must hold no notes when the suite begins; the first id may be any.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use futures::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The largest body that a server of the notes takes, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// How long one answer may take before the step has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request, and what its answer must be.
#[derive(Clone, Debug)]
pub struct Step {
    /// What the step is about, in a few words.
    pub name: &'static str,
    /// The method.
    pub method: &'static str,
    /// Path and query. `{milk}` stands for the id that the step which saves
    /// `milk` was given.
    pub path: &'static str,
    /// The header `content-type`, if one is sent.
    pub content_type: Option<&'static str>,
    /// The body of the request.
    pub payload: Payload,
    /// The status that the answer must have.
    pub status: u16,
    /// A header that the answer must have. `allow` is compared as a set, in which HEAD and OPTIONS
    /// may stand or not.
    pub header: Option<(&'static str, &'static str)>,
    /// The body that the answer must have.
    pub wants: Wants,
    /// Under which name the note's id is kept for later steps.
    pub saves: Option<&'static str>,
    /// Whether the answer must come over the connection of the step before.
    pub same_connection: bool,
}

/// The body of a request.
#[derive(Clone, Debug)]
pub enum Payload {
    /// No body.
    None,
    /// A body whose length is declared.
    Whole(Vec<u8>),
    /// A body that is sent in chunks of 8 KiB; its length shows at its end.
    Chunked(Vec<u8>),
}

/// What the body of an answer must be.
#[derive(Clone, Debug)]
pub enum Wants {
    /// Nothing at all.
    Nothing,
    /// This JSON. A string `{milk}` stands for the id that was saved as `milk`, as a number.
    Json(Value),
    /// `{"error": "…"}` with a sentence that contains this, and no other key. `{milk}` as in a path.
    Error(&'static str),
}

/// A step whose answer was not what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The name of the step.
    pub step: String,
    /// What was sent, what was expected and what came, in one line.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.step, self.what)
    }
}

fn step(name: &'static str, method: &'static str, path: &'static str, status: u16) -> Step {
    Step {
        name,
        method,
        path,
        content_type: None,
        payload: Payload::None,
        status,
        header: None,
        wants: Wants::Nothing,
        saves: None,
        same_connection: false,
    }
}

impl Step {
    fn sends(mut self, json: &str) -> Self {
        self.payload = Payload::Whole(json.into());
        self.content_type = Some("application/json");
        self
    }

    fn typed(mut self, content_type: Option<&'static str>) -> Self {
        self.content_type = content_type;
        self
    }

    fn payload(mut self, payload: Payload) -> Self {
        self.payload = payload;
        self.content_type = Some("application/json");
        self
    }

    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    fn json(mut self, json: Value) -> Self {
        self.wants = Wants::Json(json);
        self
    }

    fn error(mut self, part: &'static str) -> Self {
        self.wants = Wants::Error(part);
        self
    }

    fn saves(mut self, name: &'static str) -> Self {
        self.saves = Some(name);
        self
    }

    fn same_connection(mut self) -> Self {
        self.same_connection = true;
        self
    }
}

const TITLE: &str = "title must have 1 to 100 characters";

/// The steps that [`run`] sends, in this order, over one connection for as long as the server
/// keeps it.
#[must_use]
pub fn steps() -> Vec<Step> {
    let mut steps = reading_and_writing();
    steps.extend(refusing());
    steps.extend(listing());
    steps.extend(leaving_empty());
    steps
}

fn reading_and_writing() -> Vec<Step> {
    let milk = json!({"id": "{milk}", "title": "milk", "text": "two bottles"});
    let bread = json!({"id": "{bread}", "title": "bread", "text": ""});
    let nasty = json!({"id": "{nasty}", "title": "<b>'; DROP TABLE notes; --</b>", "text": "\"\\\n\u{1F4A5} 100% _"});
    vec![
        step("no notes yet", "GET", "/notes", 200).json(json!({"notes": [], "total": 0})),
        step("create", "POST", "/notes", 201)
            .sends(r#"{"title": "milk", "text": "two bottles"}"#)
            .saves("milk")
            .header("location", "/notes/{milk}")
            .json(milk.clone()),
        step("the text may be left out; the title is trimmed", "POST", "/notes", 201)
            .sends(r#"{"title": "  bread\t"}"#)
            .typed(Some("application/json; charset=utf-8"))
            .saves("bread")
            .header("location", "/notes/{bread}")
            .json(bread.clone())
            .same_connection(),
        step("read", "GET", "/notes/{milk}", 200)
            .header("content-type", "application/json")
            .json(milk.clone())
            .same_connection(),
        step("HTML, SQL and quotes come back as they went", "POST", "/notes", 201)
            .sends("{\"title\": \"<b>'; DROP TABLE notes; --</b>\", \"text\": \"\\\"\\\\\\n\u{1F4A5} 100% _\"}")
            .saves("nasty")
            .json(nasty.clone()),
        step("newest last", "GET", "/notes", 200)
            .json(json!({"notes": [milk, bread, nasty], "total": 3})),
        step("replace", "PUT", "/notes/{bread}", 200)
            .sends(r#"{"title": "bread", "text": "rye"}"#)
            .json(json!({"id": "{bread}", "title": "bread", "text": "rye"})),
        step("replacing without a text empties it", "PUT", "/notes/{bread}", 200)
            .sends(r#"{"title": "rolls"}"#)
            .json(json!({"id": "{bread}", "title": "rolls", "text": ""})),
        step("what was replaced stays", "GET", "/notes/{bread}", 200)
            .json(json!({"id": "{bread}", "title": "rolls", "text": ""})),
        step("a title of 100 characters, which are 200 bytes", "PUT", "/notes/{bread}", 200)
            .sends(&json!({"title": "é".repeat(100)}).to_string())
            .json(json!({"id": "{bread}", "title": "é".repeat(100), "text": ""})),
        step("a text of 10,000 characters", "PUT", "/notes/{bread}", 200)
            .sends(&json!({"title": "long", "text": "é".repeat(10_000)}).to_string())
            .json(json!({"id": "{bread}", "title": "long", "text": "é".repeat(10_000)})),
        step("a chunked body", "PUT", "/notes/{bread}", 200)
            .payload(Payload::Chunked(br#"{"title": "bread", "text": "rye"}"#.into()))
            .json(json!({"id": "{bread}", "title": "bread", "text": "rye"})),
        step("a body of 64 KiB", "PUT", "/notes/{bread}", 200)
            .payload(Payload::Whole(padded(MAX_BODY)))
            .json(json!({"id": "{bread}", "title": "padded", "text": ""})),
    ]
}

fn refusing() -> Vec<Step> {
    let post = |name, status, body: &str| step(name, "POST", "/notes", status).sends(body);
    vec![
        post("an empty title", 422, r#"{"title": ""}"#).error(TITLE),
        post("a title of blanks", 422, r#"{"title": " \t\n "}"#)
            .error(TITLE)
            .same_connection(),
        post(
            "a title of 101 characters",
            422,
            &json!({"title": "é".repeat(101)}).to_string(),
        )
        .error(TITLE),
        post(
            "a text of 10,001 characters",
            422,
            &json!({"title": "long", "text": "é".repeat(10_001)}).to_string(),
        )
        .error("text "),
        post("no JSON", 400, "milk").error(""),
        post("half of a JSON", 400, r#"{"title": "mi"#).error(""),
        post("an empty body", 400, "").error(""),
        post("no title", 400, r#"{"text": "two bottles"}"#).error(""),
        post("a title that is a number", 400, r#"{"title": 7}"#).error(""),
        post(
            "a text that is null",
            400,
            r#"{"title": "milk", "text": null}"#,
        )
        .error(""),
        // serde's derive takes this for a struct.
        post("an array", 400, r#"["milk", "two bottles"]"#).error(""),
        // Python's json takes this for a string, and UTF-8 cannot hold it.
        post("half of a surrogate pair", 400, r#"{"title": "\ud800"}"#).error(""),
        // Python's json answers with a RecursionError, which is no ValueError.
        post("twenty thousand brackets", 400, &"[".repeat(20_000)).error(""),
        step("no UTF-8", "POST", "/notes", 400)
            .payload(Payload::Whole(b"{\"title\": \"\xff\"}".into()))
            .error(""),
        post("text/plain", 415, r#"{"title": "milk"}"#)
            .typed(Some("text/plain"))
            .error(""),
        post("no content type", 415, r#"{"title": "milk"}"#)
            .typed(None)
            .error(""),
        step("a body of 64 KiB and one byte", "POST", "/notes", 413)
            .payload(Payload::Whole(padded(MAX_BODY + 1)))
            .error(""),
        step("the same in chunks", "POST", "/notes", 413)
            .payload(Payload::Chunked(padded(MAX_BODY + 1)))
            .error(""),
        step("read what is not there", "GET", "/notes/987654321", 404)
            .error("there is no note 987654321"),
        step("replace what is not there", "PUT", "/notes/987654321", 404)
            .sends(r#"{"title": "milk"}"#)
            .error("there is no note 987654321"),
        step(
            "delete what is not there",
            "DELETE",
            "/notes/987654321",
            404,
        )
        .error("there is no note 987654321"),
        step("an id that is no number", "GET", "/notes/milk", 404).error(""),
        step("an id below zero", "GET", "/notes/-1", 404).error(""),
        step(
            "an id of thirty digits",
            "DELETE",
            "/notes/123456789012345678901234567890",
            404,
        )
        .error(""),
        step("another path", "GET", "/", 404).error(""),
        step("a path below a note", "GET", "/notes/{milk}/text", 404).error(""),
        step("a slash at the end", "GET", "/notes/", 404).error(""),
        step("another method for the list", "PATCH", "/notes", 405)
            .header("allow", "GET, POST")
            .error(""),
        step("another method for a note", "POST", "/notes/{milk}", 405)
            .sends(r#"{"title": "milk"}"#)
            .header("allow", "DELETE, GET, PUT")
            .error(""),
        step(
            "a PUT that is refused changes nothing",
            "PUT",
            "/notes/{bread}",
            422,
        )
        .sends(r#"{"title": "", "text": "white"}"#)
        .error(TITLE),
        step("and it has not", "GET", "/notes/{bread}", 200)
            .json(json!({"id": "{bread}", "title": "padded", "text": ""})),
    ]
}

fn listing() -> Vec<Step> {
    let milk = json!({"id": "{milk}", "title": "milk", "text": "two bottles"});
    let bread = json!({"id": "{bread}", "title": "padded", "text": ""});
    let nasty = json!({"id": "{nasty}", "title": "<b>'; DROP TABLE notes; --</b>", "text": "\"\\\n\u{1F4A5} 100% _"});
    let list = |name, path, notes: &[&Value], total: usize| {
        step(name, "GET", path, 200).json(json!({"notes": notes, "total": total}))
    };
    let bad = |name, path, part| step(name, "GET", path, 400).error(part);
    vec![
        list("search in titles", "/notes?search=mil", &[&milk], 1),
        list(
            "search in texts, blind to case",
            "/notes?search=BOTTLES",
            &[&milk],
            1,
        ),
        list(
            "a plus is a blank",
            "/notes?search=two+bottles",
            &[&milk],
            1,
        ),
        list("so is %20", "/notes?search=two%20bottles", &[&milk], 1),
        list("search what is nowhere", "/notes?search=wine", &[], 0),
        list(
            "an empty search finds all",
            "/notes?search=",
            &[&milk, &bread, &nasty],
            3,
        ),
        list(
            "a percent sign is a percent sign",
            "/notes?search=%25",
            &[&nasty],
            1,
        ),
        list(
            "an underscore is an underscore",
            "/notes?search=_",
            &[&nasty],
            1,
        ),
        list(
            "a backslash is a backslash",
            "/notes?search=%5C",
            &[&nasty],
            1,
        ),
        list("a quote is a quote", "/notes?search=%27%3B", &[&nasty], 1),
        list("an emoji", "/notes?search=%F0%9F%92%A5", &[&nasty], 1),
        list("the first two", "/notes?limit=2", &[&milk, &bread], 3),
        list("the next two", "/notes?limit=2&offset=2", &[&nasty], 3),
        list("past the end", "/notes?offset=1000", &[], 3),
        list(
            "the total counts what was found",
            "/notes?search=b&limit=1",
            &[&milk],
            2,
        ),
        list(
            "an unknown parameter is ignored",
            "/notes?colour=red",
            &[&milk, &bread, &nasty],
            3,
        ),
        bad("limit 0", "/notes?limit=0", "limit"),
        bad("limit 101", "/notes?limit=101", "limit"),
        bad("a limit that is no number", "/notes?limit=ten", "limit"),
        bad("an empty limit", "/notes?limit=", "limit"),
        bad("a negative offset", "/notes?offset=-1", "offset"),
        bad(
            "a huge offset",
            "/notes?offset=123456789012345678901234567890",
            "offset",
        ),
    ]
}

fn leaving_empty() -> Vec<Step> {
    vec![
        step("delete", "DELETE", "/notes/{milk}", 204),
        step(
            "after a 204 the connection goes on",
            "GET",
            "/notes/{milk}",
            404,
        )
        .error("there is no note {milk}")
        .same_connection(),
        step("delete again", "DELETE", "/notes/{milk}", 404).error("there is no note {milk}"),
        step("delete the second", "DELETE", "/notes/{bread}", 204),
        step("an id is not used again", "POST", "/notes", 201)
            .sends(r#"{"title": "eggs"}"#)
            .saves("eggs")
            .json(json!({"id": "{eggs}", "title": "eggs", "text": ""})),
        step("delete the third", "DELETE", "/notes/{nasty}", 204),
        step("delete the last", "DELETE", "/notes/{eggs}", 204),
        step("empty again", "GET", "/notes", 200).json(json!({"notes": [], "total": 0})),
    ]
}

/// Steps for a server that was started with two more routes: `GET /probe/slow`, whose handler takes
/// longer than its time limit, and `GET /probe/panic`, whose handler panics (or raises).
///
/// The server and the connection must outlive both.
#[must_use]
pub fn probes() -> Vec<Step> {
    vec![
        step("before", "GET", "/notes", 200).json(json!({"notes": [], "total": 0})),
        step("a handler that panics", "GET", "/probe/panic", 500)
            .error("internal error")
            .same_connection(),
        step("the connection goes on after it", "GET", "/notes", 200)
            .json(json!({"notes": [], "total": 0}))
            .same_connection(),
        step("a handler that is too slow", "GET", "/probe/slow", 503)
            .header("retry-after", "1")
            .error("")
            .same_connection(),
        step("the connection goes on after it, too", "GET", "/notes", 200)
            .json(json!({"notes": [], "total": 0}))
            .same_connection(),
    ]
}

/// A JSON of exactly this many bytes.
fn padded(length: usize) -> Vec<u8> {
    let mut json = br#"{"title": "padded""#.to_vec();
    json.resize(length - 1, b' ');
    json.push(b'}');
    json
}

/// Sends [`steps`] to the server at this address, then creates notes from ten clients at once.
///
/// Returns what was not as it must be; nothing, if all was. Every step has ten seconds.
///
/// Dropping the future stops the suite; what it has created stays on the server.
pub async fn run(address: SocketAddr) -> Vec<Failure> {
    let mut failures = send_all(address, &steps()).await;
    if let Err(what) = create_at_once(address, 10).await {
        failures.push(Failure {
            step: "ten clients at once".to_owned(),
            what,
        });
    }
    failures
}

/// Sends [`probes`] to the server at this address.
pub async fn run_probes(address: SocketAddr) -> Vec<Failure> {
    send_all(address, &probes()).await
}

/// Sends these steps to the server at this address, one after the other.
pub async fn send_all(address: SocketAddr, steps: &[Step]) -> Vec<Failure> {
    let mut client = Client::new(address);
    let mut saved = BTreeMap::new();
    let mut failures = Vec::new();
    for step in steps {
        if let Err(what) = check(&mut client, step, &mut saved).await {
            failures.push(Failure {
                step: step.name.to_owned(),
                what: format!("{} {}: {what}", step.method, step.path),
            });
        }
    }
    failures
}

async fn check(
    client: &mut Client,
    step: &Step,
    saved: &mut BTreeMap<&'static str, u64>,
) -> Result<(), String> {
    let path = fill(step.path, saved);
    let mut request = Request::builder()
        .method(step.method)
        .uri(path)
        .header("host", client.address.to_string());
    if let Some(content_type) = step.content_type {
        request = request.header("content-type", content_type);
    }
    let request = request
        .body(step.payload.body())
        .map_err(|error| error.to_string())?;
    let connections = client.connections;
    let answer = client.send(request).await?;
    if step.same_connection && client.connections != connections {
        return Err("the server had closed the connection".to_owned());
    }
    if let Some(name) = step.saves {
        let id = answer.json().and_then(|note| note["id"].as_u64());
        let id = id.ok_or_else(|| format!("expected a note with an id, found {answer}"))?;
        let largest = saved.values().max().copied().unwrap_or_default();
        if id <= largest {
            return Err(format!("ids must increase, but {id} follows {largest}"));
        }
        saved.insert(name, id);
    }
    answer.must_be(step, saved)
}

/// Each `{name}` becomes the id that was saved under this name.
fn fill(text: &str, saved: &BTreeMap<&'static str, u64>) -> String {
    let mut text = text.to_owned();
    for (name, id) in saved {
        text = text.replace(&format!("{{{name}}}"), &id.to_string());
    }
    text
}

/// As [`fill`], in every string of a JSON; an id is then a number.
fn fill_json(json: &Value, saved: &BTreeMap<&'static str, u64>) -> Value {
    match json {
        Value::String(text) => {
            let name = text.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
            match name.and_then(|name| saved.get(name)) {
                Some(id) => json!(id),
                None => json.clone(),
            }
        }
        Value::Array(items) => items.iter().map(|item| fill_json(item, saved)).collect(),
        Value::Object(map) => {
            let pairs = map.iter();
            Value::Object(
                pairs
                    .map(|(k, v)| (k.clone(), fill_json(v, saved)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

async fn create_at_once(address: SocketAddr, clients: usize) -> Result<(), String> {
    let one = |number: usize| async move {
        let body = Payload::Whole(
            json!({"title": format!("note {number}")})
                .to_string()
                .into(),
        );
        let request = Request::post("/notes")
            .header("host", address.to_string())
            .header("content-type", "application/json")
            .body(body.body())
            .map_err(|error| error.to_string())?;
        let mut client = Client::new(address);
        let answer = client.send(request).await?;
        let id = answer.json().and_then(|note| note["id"].as_u64());
        let id = id.ok_or_else(|| format!("expected a note with an id, found {answer}"))?;
        let request = Request::delete(format!("/notes/{id}"))
            .header("host", address.to_string())
            .body(Payload::None.body())
            .map_err(|error| error.to_string())?;
        client.send(request).await?;
        Ok::<u64, String>(id)
    };
    let ids = join_all((0..clients).map(one)).await;
    let ids = ids.into_iter().collect::<Result<Vec<_>, _>>()?;
    let distinct: BTreeSet<_> = ids.iter().collect();
    if distinct.len() == clients {
        Ok(())
    } else {
        Err(format!("an id was given twice: {ids:?}"))
    }
}

/// The body that a [`Client`] sends.
pub type Body = BoxBody<Bytes, Infallible>;

impl Payload {
    /// The body that hyper sends.
    #[must_use]
    pub fn body(&self) -> Body {
        match self {
            Self::None => Full::default().boxed(),
            Self::Whole(bytes) => Full::from(bytes.clone()).boxed(),
            // A stream does not know its length, so hyper sends it in chunks.
            Self::Chunked(bytes) => {
                let chunks: Vec<_> = bytes
                    .chunks(8 * 1024)
                    .map(|chunk| Ok(Frame::data(Bytes::copy_from_slice(chunk))))
                    .collect();
                StreamBody::new(stream::iter(chunks)).boxed()
            }
        }
    }
}

/// A client with one connection, which it opens anew when the server has closed it.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    sender: Option<SendRequest<Body>>,
    /// How many connections it has opened.
    connections: usize,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Client {
    /// A client of this server. It connects with its first request.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            sender: None,
            connections: 0,
        }
    }

    /// How many connections it has opened so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Sends a request and returns its answer.
    ///
    /// Not cancel safe: if this is dropped, so is the request, and perhaps its connection.
    ///
    /// # Errors
    ///
    /// In one line, what went wrong: no connection, no answer, none within ten seconds.
    pub async fn send(&mut self, request: Request<Body>) -> Result<Answer, String> {
        let exchange = self.exchange(request);
        let Ok(answer) = timeout(PATIENCE, exchange).await else {
            return Err(format!("no answer within {} s", PATIENCE.as_secs()));
        };
        answer
    }

    async fn exchange(&mut self, request: Request<Body>) -> Result<Answer, String> {
        // Not ready means closed: one request at a time is all we ever send.
        let mut kept = self.sender.take();
        if let Some(sender) = &mut kept
            && sender.ready().await.is_err()
        {
            kept = None;
        }
        let mut sender = match kept {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| format!("no answer: {error}"))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await;
        let body = body.map_err(|error| format!("the answer broke off: {error}"))?;
        self.sender = Some(sender);
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.to_bytes(),
        })
    }

    async fn connect(&mut self) -> Result<SendRequest<Body>, String> {
        let stream = TcpStream::connect(self.address).await;
        let stream = stream.map_err(|error| format!("cannot connect: {error}"))?;
        let handshake = handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(|error| error.to_string())?;
        // Ends when the sender is dropped, or the server hangs up.
        tokio::spawn(connection);
        self.connections += 1;
        Ok(sender)
    }
}

impl Answer {
    fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    fn must_be(&self, step: &Step, saved: &BTreeMap<&'static str, u64>) -> Result<(), String> {
        if self.status != step.status {
            return Err(format!("expected {}, found {self}", step.status));
        }
        if let Some((name, value)) = step.header {
            let found = self.header(name);
            let value = fill(value, saved);
            let same = match (name, &found) {
                ("allow", Some(found)) => methods(found) == methods(&value),
                ("content-type", Some(found)) => found.starts_with(&value),
                (_, found) => found.as_ref() == Some(&value),
            };
            if !same {
                return Err(format!(
                    "expected the header {name}: {value}, found {found:?}"
                ));
            }
        }
        match &step.wants {
            Wants::Nothing if self.body.is_empty() => Ok(()),
            Wants::Nothing => Err(format!("expected no body, found {self}")),
            Wants::Json(json) => {
                let json = fill_json(json, saved);
                self.is_json()?;
                if self.json().as_ref() == Some(&json) {
                    Ok(())
                } else {
                    Err(format!(
                        "expected {}, found {self}",
                        short(&json.to_string())
                    ))
                }
            }
            Wants::Error(part) => {
                let part = fill(part, saved);
                self.is_json()?;
                let json = self.json().unwrap_or_default();
                let sentence = json["error"].as_str().unwrap_or_default();
                let only = json.as_object().is_some_and(|object| object.len() == 1);
                if only && !sentence.is_empty() && sentence.contains(&part) {
                    Ok(())
                } else {
                    Err(format!(
                        "expected {{\"error\": \"…{part}…\"}}, found {self}"
                    ))
                }
            }
        }
    }

    fn is_json(&self) -> Result<(), String> {
        match self.header("content-type") {
            Some(found) if found.starts_with("application/json") => Ok(()),
            found => Err(format!(
                "expected JSON, found content-type {found:?}, {self}"
            )),
        }
    }

    /// A header, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let value = self.headers.get(name)?;
        Some(value.to_str().ok()?.to_owned())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        write!(out, "{} {}", self.status, short(&body))
    }
}

fn methods(allow: &str) -> BTreeSet<String> {
    allow
        .split(',')
        .map(|method| method.trim().to_owned())
        .filter(|method| method != "HEAD" && method != "OPTIONS")
        .collect()
}

/// At most 200 characters, so that a failure stays one line.
fn short(text: &str) -> String {
    let mut short: String = text.chars().take(200).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short.replace('\n', "\\n")
}
