//! The scripts that run inside Redis, each in one step, and what they answer.

use ::redis::aio::MultiplexedConnection;
use ::redis::{FromRedisValue, RedisResult, ToRedisArgs, cmd};

/// A script and what it has in common with the others.
macro_rules! script {
    ($name:literal) => {
        concat!(include_str!("rooms.lua"), include_str!($name))
    };
}

pub(super) const JOIN: &str = script!("join.lua");
pub(super) const LEAVE: &str = script!("leave.lua");
pub(super) const SAY: &str = script!("say.lua");
pub(super) const BEAT: &str = script!("beat.lua");
pub(super) const SYNC: &str = script!("sync.lua");
pub(super) const BYE: &str = script!("bye.lua");

/// Runs a script.
///
/// # Errors
///
/// If the connection breaks, or there is no answer in time. Then it may have run or not.
pub(super) async fn run<T: FromRedisValue>(
    connection: &MultiplexedConnection,
    script: &str,
    arguments: &[impl ToRedisArgs],
) -> RedisResult<T> {
    let mut command = cmd("EVAL");
    command.arg(script).arg(0).arg(arguments);
    // A handle: all of them use one connection.
    command.query_async(&mut connection.clone()).await
}

/// What `snapshot` in `rooms.lua` answers: epoch, last id, order, people, history.
pub(super) type Answer = (String, u64, u64, Vec<String>, Vec<String>);

/// A room at one place of its order.
pub(super) struct Snapshot {
    pub(super) epoch: String,
    /// The last message.
    pub(super) last: u64,
    /// The last event.
    pub(super) order: u64,
    /// The names of all.
    pub(super) people: Vec<String>,
    /// Messages, as JSON.
    pub(super) history: Vec<String>,
}

impl From<Answer> for Snapshot {
    fn from((epoch, last, order, people, history): Answer) -> Self {
        // `process session name`
        let name = |person: String| person.splitn(3, ' ').nth(2).unwrap_or_default().to_owned();
        Self {
            epoch,
            last,
            order,
            people: people.into_iter().map(name).collect(),
            history,
        }
    }
}
