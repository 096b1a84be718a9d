//! What the server promises to clients, good ones and hostile ones. One suite, over real sockets,
//! for the Rust server and for its twin in aiohttp, each as a process of its own.
//!
//! A rule is a function that panics where a server does not keep to it. Where aiohttp differs, it
//! is written down with the reason, and has to differ: else the list would be out of date.

#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod client;
mod frames;
mod http;
mod limits;
mod messages;
mod raw;
mod rooms;
mod server;
mod slow;
mod stopping;

use std::panic::AssertUnwindSafe;
use std::thread;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{LocalBoxFuture, join_all};
use tokio::time::timeout;

use server::{Kind, Server};

/// How long a rule may take. None comes near; a server that hangs does.
const LIMIT: Duration = Duration::from_mins(1);

/// One promise.
struct Rule {
    name: &'static str,
    check: for<'a> fn(&'a Server) -> LocalBoxFuture<'a, ()>,
    /// Why aiohttp does not keep to it.
    aiohttp_differs: Option<&'static str>,
}

/// `rules![one, other]` for functions of these names; `name: "why"` where aiohttp differs.
macro_rules! rules {
    ($($name:ident $(: $why:literal)?),* $(,)?) => {
        pub(crate) const RULES: &[crate::Rule] = &[$(crate::Rule {
            name: stringify!($name),
            check: |server| futures::FutureExt::boxed_local($name(server)),
            aiohttp_differs: crate::rules!(@ $($why)?),
        }),*];
    };
    (@) => { None };
    (@ $why:literal) => { Some($why) };
}
pub(crate) use rules;

/// Flags of a server, and the rules that it keeps to with them.
type Group = (&'static [&'static str], &'static [&'static [Rule]]);

const GROUPS: &[Group] = &[
    (
        &["--burst", "0", "--patience", "30"],
        &[http::RULES, frames::RULES, messages::RULES, rooms::RULES],
    ),
    (
        &["--heartbeat", "1", "--history", "5", "--burst", "0"],
        &[limits::HEARTBEAT, rooms::SHORT_HISTORY],
    ),
    (&["--patience", "2"], &[limits::PATIENCE]),
    (&["--burst", "10", "--rate", "2"], &[limits::REFILL]),
    (&["--burst", "5", "--rate", "0.01"], &[limits::SPEED]),
    (&["--max-connections", "2"], &[limits::CROWD]),
    (&["--burst", "0", "--heartbeat", "60"], &[slow::RULES]),
    (&["--burst", "0", "--heartbeat", "1"], &[slow::DEAF]),
    (&["--heartbeat", "60"], &[stopping::RULES]),
];

#[test]
fn rust() {
    keeps(Kind::Rust, GROUPS);
}

#[test]
fn aiohttp() {
    keeps(Kind::Aiohttp, GROUPS);
}

/// The twin that frames by hand has another way to write, and so to lose or mix up messages.
const IN_BATCHES: &[Group] = &[(
    &["--batch", "--burst", "0", "--heartbeat", "60"],
    &[rooms::RULES, slow::RULES],
)];

#[test]
fn aiohttp_in_batches() {
    keeps(Kind::Aiohttp, IN_BATCHES);
}

/// Checks all rules, with a server and a thread for each group: those that flood must not make
/// those wait that answer heartbeats.
fn keeps(kind: Kind, groups: &'static [Group]) {
    if !kind.runs_here() {
        return;
    }
    let threads = groups
        .iter()
        .map(|group| thread::spawn(move || keeps_group(kind, group)));
    let threads: Vec<_> = threads.collect();
    let failures = threads.into_iter().flat_map(|group| group.join().unwrap());
    let failures: Vec<String> = failures.collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Checks the rules of a group at the same time: what one client does must not matter to others.
fn keeps_group(kind: Kind, (flags, rules): &Group) -> Vec<String> {
    let server = Server::start(kind, flags);
    let rules = rules.iter().copied().flatten();
    let checks = join_all(rules.map(|rule| check(kind, &server, rule)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let failures = runtime.unwrap().block_on(checks);
    failures.into_iter().flatten().collect()
}

/// What is wrong, if something is.
async fn check(kind: Kind, server: &Server, rule: &Rule) -> Option<String> {
    let check = AssertUnwindSafe((rule.check)(server)).catch_unwind();
    let (kept, how) = match timeout(LIMIT, check).await {
        Ok(Ok(())) => (true, "keeps to"),
        // The panic's message has been printed, with its place.
        Ok(Err(_panic)) => (false, "does not keep to"),
        Err(_) => (false, "hangs in"),
    };
    let differs = kind != Kind::Rust && rule.aiohttp_differs.is_some();
    (kept == differs).then(|| format!("{kind:?} {how} the rule {}", rule.name))
}
