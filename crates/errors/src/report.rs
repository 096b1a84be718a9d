//! What each way of waiting did: every line as it happens, and the table at the end.

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use errors::GroupError;
use tokio::time::Instant;

/// What can happen to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    Failed,
    Panicked,
    Dropped,
    CleanedUp,
    NotCleanedUp,
}

impl End {
    fn text(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Dropped => "dropped",
            Self::CleanedUp => "cleaned up",
            Self::NotCleanedUp => "failed to clean up",
        }
    }
}

/// Above the lines of the table.
pub(crate) const HEAD: &str =
    "way                  after  done      dropped   cleaned up   the caller has";

/// The log of one scene. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    start: Instant,
    seen: Mutex<Seen>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// When, which row, what.
    pub(crate) ends: Vec<(Duration, u64, End)>,
    /// When the caller was told, and what it then had.
    pub(crate) told: Option<(Duration, String)>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            seen: Mutex::default(),
        }
    }
}

impl Log {
    pub(crate) fn row(&self, row: u64, end: End) {
        let at = self.say(format_args!("fetch({row}) {}", end.text()));
        self.seen().ends.push((at, row, end));
    }

    /// The caller has its answer.
    pub(crate) fn told(&self, answer: impl Answer) {
        let (results, errors) = answer.parts();
        let has = format!(
            "{}, {}",
            count(results, "result"),
            count(errors.len(), "error")
        );
        let which = match errors.len() {
            0 => String::new(),
            _ => format!(": {}", errors.join("; ")),
        };
        let at = self.say(format_args!("the caller has {has}{which}"));
        self.seen().told = Some((at, has));
    }

    pub(crate) fn say(&self, what: impl Display) -> Duration {
        let at = self.0.start.elapsed();
        println!("  {:.1} s  {what}", at.as_secs_f64());
        at
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        // Rows of this lesson panic, but never while they hold the lock.
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One line of the table: what happened to whom, by the time the scene was over.
    pub(crate) fn line(&self, way: &str) -> String {
        let seen = self.seen().clone();
        let rows = |end: End| {
            let with = seen.ends.iter().filter(|(_, _, what)| *what == end);
            let mut rows: Vec<String> = with.map(|(_, row, _)| row.to_string()).collect();
            rows.sort_unstable();
            match rows.len() {
                0 => "-".to_owned(),
                _ => rows.join(" "),
            }
        };
        let (at, has) = seen.told.clone().unwrap_or_default();
        format!(
            "{way:20} {:.1} s  {:9} {:9} {:12} {has}",
            at.as_secs_f64(),
            rows(End::Done),
            rows(End::Dropped),
            rows(End::CleanedUp),
        )
    }
}

/// What a way of waiting hands its caller.
pub(crate) trait Answer {
    /// How many results are in it, and the errors.
    fn parts(self) -> (usize, Vec<String>);
}

impl<E: Display> Answer for Result<Vec<String>, E> {
    fn parts(self) -> (usize, Vec<String>) {
        match self {
            Ok(results) => (results.len(), Vec::new()),
            Err(error) => (0, vec![error.to_string()]),
        }
    }
}

impl<E: Display> Answer for Vec<Result<String, E>> {
    fn parts(self) -> (usize, Vec<String>) {
        let errors: Vec<String> = self
            .iter()
            .filter_map(|ended| ended.as_ref().err())
            .map(E::to_string)
            .collect();
        (self.len() - errors.len(), errors)
    }
}

impl<E: Display> Answer for (Vec<String>, Vec<E>) {
    fn parts(self) -> (usize, Vec<String>) {
        (self.0.len(), self.1.iter().map(E::to_string).collect())
    }
}

impl<E: Display> Answer for Result<Vec<Option<String>>, GroupError<E>> {
    fn parts(self) -> (usize, Vec<String>) {
        match self {
            Ok(results) => (results.len(), Vec::new()),
            Err(error) => (0, error.failures.iter().map(ToString::to_string).collect()),
        }
    }
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
