//! Twins: a lesson and its Python program print the same, or differ as the lesson has recorded.
//!
//! What differs is in the lesson's `Cargo.toml`:
//!
//! ```toml
//! [package.metadata.twin]
//! args = ["--tasks", "3"]          # for both
//! recorder = ["--scene", "together"] # how `cargo xtask timeline` records the Python program
//! normalise = ["\\d+ bytes"]       # compared by its form
//! virtual_only = "asyncio …"        # why not in real time, with `--real-time`; nor its chapter
//!
//! [[package.metadata.twin.differs]]
//! rust = "the future is [..]"      # "" where only Python prints a line
//! python = "the coroutine is [..]" # "" where only Rust does
//! why = "A future is a value; a coroutine is an object on the heap."
//! ```
//!
//! A server says `kind = "server"` and which `requests = ["GET /", "POST /echo hello"]` it is
//! sent; what is compared is its first line, its answers, and what it prints from then on until
//! Ctrl-C has ended it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::command::Target;
use crate::expect::Rules;
use crate::launch::RECORDER;
use crate::parallel;
use crate::process::{self, Next, Running};
use crate::project::{Package, Project};
use crate::request;
use crate::verdict::judge;

pub use crate::verdict::{Difference, Verdict};

/// How long a program may take.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// How long a server may take to start, and to stop.
const SERVER_LIMIT: Duration = Duration::from_secs(15);

/// What a lesson's manifest says of its twin.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Twin {
    /// Arguments for both.
    #[serde(default)]
    pub args: Vec<String>,
    /// Flags for the recorder of Python, such as `--scene NAME`, where both are drawn.
    #[serde(default)]
    pub recorder: Vec<String>,
    /// Programs that end, or servers.
    #[serde(default)]
    pub kind: TwinKind,
    /// What a server is asked: `METHOD PATH [BODY]`.
    #[serde(default)]
    pub requests: Vec<String>,
    /// Why the two are compared on virtual time even where all others run in real time.
    pub virtual_only: Option<String>,
    /// What is compared by its form.
    #[serde(default)]
    pub normalise: Vec<String>,
    /// What differs, and why.
    #[serde(default)]
    pub differs: Vec<Difference>,
}

/// How twins are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TwinKind {
    /// By what they print.
    #[default]
    Program,
    /// By what they answer.
    Server,
}

/// Runs several lessons and their twins, and compares each.
#[must_use]
pub fn check_all<'a>(
    project: &Project,
    lessons: Vec<&'a Package>,
    real_time: bool,
) -> Vec<(&'a Package, Verdict)> {
    parallel::map(lessons, |lesson| {
        (lesson, check(project, lesson, real_time))
    })
}

/// Runs a lesson and its twin, and compares them.
#[must_use]
pub fn check(project: &Project, lesson: &Package, real_time: bool) -> Verdict {
    compare(project, lesson, real_time).unwrap_or_else(Verdict::Failed)
}

fn compare(project: &Project, lesson: &Package, real_time: bool) -> Result<Verdict, String> {
    let twin = twin_of(lesson)?;
    let real_time = real_time && twin.virtual_only.is_none();
    let rules = Rules::new(twin.normalise.iter().map(String::as_str))?;
    let Some((rust, python)) = commands(project, lesson, &twin, real_time)? else {
        return Ok(Verdict::Skipped);
    };
    let transcript = |command| match twin.kind {
        TwinKind::Program => of_program(command),
        TwinKind::Server => of_server(command, &twin.requests),
    };
    let (rust, python) = thread::scope(|scope| {
        let rust = scope.spawn(|| transcript(rust));
        let python = transcript(python);
        let rust = rust.join();
        let rust = rust.unwrap_or_else(|_| Err("the comparison stopped".to_owned()));
        (rust, python)
    });
    Ok(judge(&rust?, &python?, &twin.differs, &rules))
}

/// Why a lesson is compared with its twin on virtual time only, if it is.
pub(crate) fn virtual_only(lesson: &Package) -> Option<String> {
    twin_of(lesson).ok()?.virtual_only
}

/// The lessons with these names; without names, all.
///
/// # Errors
///
/// If there is no such lesson.
pub fn of<'a>(project: &'a Project, names: &[String]) -> Result<Vec<&'a Package>, String> {
    if names.is_empty() {
        return Ok(project.lessons().collect());
    }
    let lesson = |name: &String| {
        let mut lessons = project.lessons();
        let lesson = lessons.find(|lesson| lesson.name == *name);
        lesson.ok_or_else(|| format!("there is no lesson {name}"))
    };
    names.iter().map(lesson).collect()
}

/// A command, and the file that it writes its recording to.
type Recorded = (Command, PathBuf);

/// How a lesson and its twin are run so that both are recorded, with the arguments of the user.
pub(crate) fn recorded(
    project: &Project,
    lesson: &Package,
    args: Vec<OsString>,
) -> Result<Option<(Recorded, Recorded)>, String> {
    let says = twin_of(lesson)?;
    if says.kind == TwinKind::Server {
        return Err(format!("{} runs until ^C: draw what asks it", lesson.name));
    }
    let program = project.program(&lesson.name, &Target::Default)?;
    let script = lesson.twin();
    let Some(python) = project.python_for(&script) else {
        return Ok(None);
    };
    let folder = project.scratch.join("recordings");
    fs::create_dir_all(&folder)
        .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let file = |language: &str| folder.join(format!("{}-{language}.json", lesson.name));
    let to = |file: &Path| {
        let mut flag = OsString::from("--timeline=");
        flag.push(file);
        flag
    };
    let mut rust = project.command(&program);
    let mut twin = project.command(python);
    twin.arg(RECORDER);
    if project.offers(&program, "--instant") {
        rust.arg("--instant");
        twin.arg("--instant");
    }
    let (rust_file, twin_file) = (file("rust"), file("python"));
    rust.arg(to(&rust_file)).args(&args);
    twin.arg(to(&twin_file))
        .args(says.recorder)
        .arg(script)
        .args(args);
    Ok(Some(((rust, rust_file), (twin, twin_file))))
}

/// What the manifest of a lesson says of its twin.
///
/// # Errors
///
/// If it says something that is not known, or gives no reason.
fn twin_of(lesson: &Package) -> Result<Twin, String> {
    let Some(twin) = lesson.metadata.get("twin") else {
        return Ok(Twin::default());
    };
    let twin: Twin = serde_json::from_value(twin.clone())
        .map_err(|error| format!("[package.metadata.twin]: {error}"))?;
    for difference in &twin.differs {
        if difference.why.trim().is_empty() {
            return Err(format!("no reason is given for `{}`", difference.rust));
        }
        if difference.rust.is_empty() && difference.python.is_empty() {
            return Err("a recorded difference names no line".to_owned());
        }
    }
    if (twin.kind == TwinKind::Server) == twin.requests.is_empty() {
        return Err("`kind = \"server\"` and `requests` belong together".to_owned());
    }
    Ok(twin)
}

/// How both are run. `None` without a Python, which has been said.
fn commands(
    project: &Project,
    lesson: &Package,
    twin: &Twin,
    real_time: bool,
) -> Result<Option<(Command, Command)>, String> {
    let program = project.program(&lesson.name, &Target::Default)?;
    let script = lesson.twin();
    if project.read(&script).is_none() {
        return Err(format!("there is no {script}"));
    }
    let Some(python) = project.python_for(&script) else {
        return Ok(None);
    };
    let virtual_time = !real_time && project.offers(&program, "--instant");
    let mut rust = project.command(program);
    rust.args(&twin.args);
    let mut python = project.command(python);
    if virtual_time {
        rust.arg("--instant");
        python.args([RECORDER, "--instant"]);
    }
    python.arg(&script).args(&twin.args);
    if twin.kind == TwinKind::Server {
        rust.args(["--port", "0"]);
        python.args(["--port", "0"]);
    }
    Ok(Some((rust, python)))
}

fn of_program(command: Command) -> Result<Vec<String>, String> {
    let output = process::run(command, None, false, LIMIT)
        .map_err(|message| format!("{message}\n(a server says so: `kind = \"server\"`)"))?;
    let mut lines = output.lines;
    if output.code != 0 {
        lines.push(format!("exit code {}", output.code));
    }
    Ok(lines)
}

fn of_server(command: Command, requests: &[String]) -> Result<Vec<String>, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut server = Running::start(command, None, false)?;
    let Next::Line(first) = server.next(Instant::now() + SERVER_LIMIT) else {
        return match server.end(Instant::now() + SERVER_LIMIT) {
            Ok((code, errors)) => Err(format!("{name} ended with exit code {code}\n{errors}")),
            Err(_) => Err(format!("{name} does not say where it listens")),
        };
    };
    let address = request::address(&first)
        .ok_or_else(|| format!("the first line names no address: `{first}`"))?;
    let mut lines = vec![first.replace(&address, "127.0.0.1:PORT")];
    for one in requests {
        lines.extend(request::send(&address, one)?);
    }
    lines.extend(after_interrupt(server)?);
    Ok(lines)
}

/// What a server has printed when Ctrl-C has ended it.
#[cfg(unix)]
fn after_interrupt(mut server: Running) -> Result<Vec<String>, String> {
    let deadline = Instant::now() + SERVER_LIMIT;
    server.interrupt()?;
    let mut lines = Vec::new();
    while let Next::Line(line) = server.next(deadline) {
        lines.push(line);
    }
    let (code, _) = server.end(deadline)?;
    if code != 0 {
        lines.push(format!("exit code {code}"));
    }
    Ok(lines)
}

/// There is no Ctrl-C to send to one process alone: it is stopped, and both answered alike.
#[cfg(not(unix))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "it is as the one above, which may fail"
)]
fn after_interrupt(_server: Running) -> Result<Vec<String>, String> {
    Ok(Vec::new())
}
