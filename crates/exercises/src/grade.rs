//! Runs the checks of an attempt, and says what it found.

use std::io::{BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use exercises::protocol::{Message, VARIABLE};
use serde::{Deserialize, Serialize};

use crate::catalogue::{Exercise, read};
use crate::compile::Compiled;

/// A check watches itself. This is for one whose watch does not come to run.
const LIMIT: Duration = Duration::from_secs(30);

/// What an attempt is worth.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Grade {
    /// What the compiler says; empty, if it compiles.
    pub(crate) errors: Vec<String>,
    pub(crate) warnings: Vec<String>,
    /// The misconceptions that the compiler's messages tell of.
    pub(crate) misconceptions: Vec<String>,
    pub(crate) checks: Vec<Check>,
}

/// What one check found.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Check {
    /// As a sentence: `three fetches take as long as the slowest`.
    pub(crate) name: String,
    pub(crate) result: Outcome,
    /// What the attempt printed.
    pub(crate) output: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    Passed,
    Failed {
        what: String,
        misconception: Option<String>,
    },
    /// `how` is `pending`, `blocked` or `spinning`.
    Hangs {
        how: String,
        what: String,
        misconception: Option<String>,
    },
}

impl Grade {
    pub(crate) fn passed(&self) -> bool {
        self.errors.is_empty()
            && !self.checks.is_empty()
            && self
                .checks
                .iter()
                .all(|check| check.result == Outcome::Passed)
    }

    /// All misconceptions that this attempt shows, each once.
    pub(crate) fn all_misconceptions(&self) -> Vec<String> {
        let of_checks = self.checks.iter().filter_map(|check| match &check.result {
            Outcome::Passed => None,
            Outcome::Failed { misconception, .. } | Outcome::Hangs { misconception, .. } => {
                misconception.clone()
            }
        });
        let mut all: Vec<String> = self
            .misconceptions
            .iter()
            .cloned()
            .chain(of_checks)
            .collect();
        all.sort();
        all.dedup();
        all
    }
}

/// Runs the checks of what was compiled.
///
/// # Errors
///
/// If the checks cannot be run at all.
pub(crate) fn grade(exercise: &Exercise, compiled: &Compiled) -> Result<Grade> {
    let all = || compiled.errors.iter().chain(&compiled.errors_in_check);
    let said = |says: &str| all().any(|error| plain(error).contains(says));
    let told = exercise.about.compiler.iter().filter(|one| said(&one.says));
    let mut grade = Grade {
        errors: if compiled.errors.is_empty() {
            compiled.errors_in_check.clone()
        } else {
            compiled.errors.clone()
        },
        warnings: compiled.warnings.clone(),
        misconceptions: told.map(|one| one.misconception.clone()).collect(),
        checks: Vec::new(),
    };
    grade.misconceptions.dedup();
    if let Some(program) = compiled
        .program
        .as_deref()
        .filter(|_| grade.errors.is_empty())
    {
        let names = names(program, &exercise.check())?;
        // Each in a process of its own: one that hangs takes nothing with it.
        let checks = thread::scope(|scope| {
            let runs: Vec<_> = names
                .iter()
                .map(|name| scope.spawn(move || run(program, name)))
                .collect();
            let joined = runs.into_iter().map(|run| match run.join() {
                Ok(check) => check,
                Err(_) => Err(anyhow::anyhow!("a check was not run to its end")),
            });
            joined.collect::<Result<Vec<Check>>>()
        })?;
        grade.checks = checks;
    }
    Ok(grade)
}

/// Grades many, as many at a time as there are processors. The results are in the order of the
/// jobs.
pub(crate) fn grade_all(jobs: &[(&Exercise, &Compiled)]) -> Vec<Result<Grade>> {
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut grades: Vec<(usize, Result<Grade>)> = thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some((exercise, compiled)) = jobs.get(index) else {
                    return done;
                };
                done.push((index, grade(exercise, compiled)));
            }
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let done = workers.into_iter().map(thread::ScopedJoinHandle::join);
        // A worker that panicked has graded nothing; what it took is then missing, and told.
        done.flat_map(Result::unwrap_or_default).collect()
    });
    grades.sort_by_key(|(index, _)| *index);
    let mut grades = grades.into_iter().peekable();
    (0..jobs.len())
        .map(|index| {
            let found = grades.next_if(|(found, _)| *found == index);
            found.map_or_else(
                || Err(anyhow::anyhow!("it was not graded")),
                |(_, grade)| grade,
            )
        })
        .collect()
}

/// The names of the tests, in the order of the file.
fn names(program: &Path, check: &Path) -> Result<Vec<String>> {
    let output = Command::new(program)
        .args(["--list", "--format", "terse"])
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    // The harness sorts them by name. Their author had another order in mind.
    let source = read(check)?;
    names.sort_by_key(|name| source.find(&format!("fn {}(", last(name))));
    Ok(names)
}

/// `five_at_once` of `check::five_at_once`.
fn last(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

fn run(program: &Path, name: &str) -> Result<Check> {
    let mut child = Command::new(program)
        .args([
            name,
            "--exact",
            "--nocapture",
            "--test-threads",
            "1",
            "--quiet",
        ])
        .env(VARIABLE, "1")
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let output = lines(child.stdout.take());
    let messages = lines(child.stderr.take());
    let status = wait(&mut child)?;
    let mut printed = String::new();
    for line in output.into_iter().filter(|line| !is_of_harness(line)) {
        printed.push_str(line.trim_end());
        printed.push('\n');
    }
    let mut told = Vec::new();
    for line in messages {
        match Message::of_line(&line) {
            Some(message) => told.push(message),
            None if is_of_harness(&line) => {}
            None => {
                printed.push_str(&line);
                printed.push('\n');
            }
        }
    }
    Ok(Check {
        name: last(name).replace('_', " "),
        result: outcome(status, &told),
        output: printed.trim().to_owned(),
    })
}

/// What the harness of Rust's tests prints around what the attempt prints.
fn is_of_harness(line: &str) -> bool {
    let line = line.trim();
    ["running ", "test result: ", "error: test failed"]
        .iter()
        .any(|start| line.starts_with(start))
        || ["", ".", "F", "failures:"].contains(&line)
        || line.starts_with("check::")
        || line.starts_with("test check::")
}

fn outcome(status: Option<ExitStatus>, told: &[Message]) -> Outcome {
    let wrong = told.iter().rev().find_map(|message| match message {
        Message::Wrong {
            misconception,
            what,
        } => Some((misconception.clone(), what.clone())),
        _ => None,
    });
    let hang = told.iter().find_map(|message| match message {
        Message::Hang {
            how,
            what,
            misconception,
        } => Some(Outcome::Hangs {
            how: how.clone(),
            what: what.clone(),
            misconception: misconception.clone(),
        }),
        _ => None,
    });
    if let Some(hang) = hang {
        return hang;
    }
    // A check may catch a panic and draw its conclusions. From a stub there are none to be drawn.
    if let Some(what) = told.iter().find_map(still_to_do) {
        return Outcome::Failed {
            what,
            misconception: None,
        };
    }
    match status {
        None => Outcome::Hangs {
            how: "blocked".to_owned(),
            what: format!(
                "It was not done after {} seconds and was ended.",
                LIMIT.as_secs()
            ),
            misconception: None,
        },
        Some(status) if status.success() => Outcome::Passed,
        Some(status) => match wrong {
            Some((misconception, what)) => Outcome::Failed {
                what,
                misconception: Some(misconception),
            },
            None => Outcome::Failed {
                what: panicked(told).unwrap_or_else(|| format!("The check ended with {status}.")),
                misconception: None,
            },
        },
    }
}

/// What a `todo!` says.
fn still_to_do(message: &Message) -> Option<String> {
    match message {
        Message::Panic { what, .. } => {
            let what = what.strip_prefix("not yet implemented: ")?;
            Some(format!("Still to do: {what}."))
        }
        _ => None,
    }
}

/// The last panic: an earlier one may have been caught.
fn panicked(told: &[Message]) -> Option<String> {
    told.iter().rev().find_map(|message| match message {
        Message::Panic { what, file, line } => {
            let file = file.replace('\\', "/");
            if file.ends_with("/check.rs") {
                return Some(what.clone());
            }
            let name = file.rsplit('/').next().unwrap_or(&file);
            Some(format!("It panicked in line {line} of {name}: {what}"))
        }
        _ => None,
    })
}

/// The lines of a pipe, read by a thread: a full pipe would stop the child.
fn lines(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    if let Some(pipe) = pipe {
        thread::spawn(move || {
            let mut text = Vec::new();
            // What came before an error is shown.
            let _ = BufReader::new(pipe).read_to_end(&mut text);
            for line in String::from_utf8_lossy(&text).lines() {
                let _ = sender.send(line.to_owned());
            }
        });
    }
    receiver
}

/// Waits for a child to end; none, if it had to be ended.
fn wait(child: &mut Child) -> Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for a check")? {
            return Ok(Some(status));
        }
        if started.elapsed() > LIMIT {
            // It may have ended in this moment.
            let _ = child.kill();
            let _ = child.wait();
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// A message of the compiler without its colours.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(plain("\u{1b}[1m\u{1b}[91merror\u{1b}[0m: x"), "error: x");
        assert_eq!(plain("no colours"), "no colours");
    }
}
