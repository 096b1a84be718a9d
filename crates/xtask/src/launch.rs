//! How the commands of a chapter are run here: built programs instead of cargo, virtual time, a free
//! port, files out of the reader's sight, and the changed copy instead of the original after a diff.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::command::{Cargo, CommandLine, Stdin, Target};
use crate::experiment::Experiment;
use crate::markdown::Document;
use crate::process::{self, Output};
use crate::project::Project;
use crate::replay::LIMIT;
use crate::stand_ins::StandIns;

/// What runs a Python program on a virtual clock.
pub(crate) const RECORDER: &str = "crates/common/timeline.py";

/// Why a step has no output to compare.
pub(crate) enum Stop {
    /// It is wrong.
    Wrong(String),
    /// Something is missing on this machine, which has been said.
    Skipped(String),
}

impl From<String> for Stop {
    fn from(message: String) -> Self {
        Self::Wrong(message)
    }
}

/// What the commands after a diff run.
pub(crate) enum Scope {
    AsWritten,
    Changed(Box<Experiment>),
    /// The diff does not apply, which has been reported.
    Broken,
}

/// What a command line comes to.
pub(crate) enum Job {
    Start(Start),
    /// It has run, or failed before it could.
    Done(Output),
}

/// A command that is ready to be started.
pub(crate) struct Start {
    pub(crate) command: Box<Command>,
    pub(crate) input: Option<String>,
    /// Whether both its streams are one.
    pub(crate) merged: bool,
    /// What the compiler said before the program begins.
    pub(crate) before: Vec<String>,
}

impl Job {
    /// Runs it to its end.
    pub(crate) fn run(self, limit: Duration) -> Result<Output, String> {
        match self {
            Self::Done(output) => Ok(output),
            Self::Start(start) => {
                let input = start.input.as_deref();
                let mut output = process::run(*start.command, input, start.merged, limit)?;
                output.lines.splice(0..0, start.before);
                Ok(output)
            }
        }
    }
}

/// How a command is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mode {
    /// Its sleeps take their time.
    pub(crate) real_time: bool,
    /// It is built as a reader builds it, not together with the whole workspace.
    pub(crate) alone: bool,
}

/// Starts the commands of one chapter.
pub(crate) struct Launcher<'a> {
    project: &'a Project,
    document: &'a Document,
    pub(crate) scope: Scope,
    pub(crate) stand_ins: StandIns,
}

impl<'a> Launcher<'a> {
    pub(crate) fn new(project: &'a Project, document: &'a Document) -> Self {
        Self {
            project,
            document,
            scope: Scope::AsWritten,
            stand_ins: StandIns::new(project, document),
        }
    }

    /// From here on, commands run the changed copy.
    pub(crate) fn enter(&mut self, experiment: Experiment) {
        self.stand_ins.folders.extend(experiment.folders());
        self.scope = Scope::Changed(Box::new(experiment));
    }

    /// Runs a command that is no part of the chapter's text, in virtual time, to its end.
    ///
    /// # Errors
    ///
    /// If it cannot be run or fails. `Ok(None)`: something is missing here, which has been said.
    pub(crate) fn draw(&mut self, line: &str) -> Result<Option<()>, String> {
        let output = match self.job(line, Mode::default()) {
            Ok(job) => job.run(LIMIT)?,
            Err(Stop::Skipped(_)) => return Ok(None),
            Err(Stop::Wrong(message)) => return Err(message),
        };
        if output.code == 0 {
            return Ok(Some(()));
        }
        Err(format!(
            "`{line}` ends with exit code {}\n{}",
            output.code,
            output.errors.trim_end()
        ))
    }

    /// What to start for a command line.
    pub(crate) fn job(&mut self, line: &str, mode: Mode) -> Result<Job, Stop> {
        let parsed = CommandLine::parse(line)?;
        let words = self.stand_ins.words(&parsed.words)?;
        let (program, arguments) = words
            .split_first()
            .ok_or_else(|| format!("no program in `{line}`"))?;
        let mut before = Vec::new();
        let mut command = match program.as_str() {
            "cargo" => match self.cargo(arguments, &parsed, mode)? {
                Started::Program(command, messages) => {
                    before = messages;
                    *command
                }
                Started::Ended(output) => return Ok(Job::Done(output)),
            },
            "python3" | "python" => self.python(arguments, mode)?,
            "curl" if self.project.has_curl() => {
                let mut command = self.project.command("curl");
                command.args(arguments);
                command
            }
            "curl" => return Err(Stop::Skipped("needs curl".to_owned())),
            other => {
                let message = format!(
                    "`{other}` cannot be replayed: put a command that nobody checks in a ```sh block"
                );
                return Err(Stop::Wrong(message));
            }
        };
        command.envs(parsed.env);
        let input = match parsed.stdin {
            Stdin::Nothing => None,
            Stdin::Text(text) => Some(self.stand_ins.text(&text)?),
            Stdin::File(path) => {
                let path = self.stand_ins.words(&[path])?.remove(0);
                let text = self.project.read(&path);
                Some(text.ok_or_else(|| format!("there is no file {path}"))?)
            }
        };
        Ok(Job::Start(Start {
            command: Box::new(command),
            input,
            merged: parsed.merged,
            before,
        }))
    }

    fn cargo(&mut self, words: &[String], line: &CommandLine, mode: Mode) -> Result<Started, Stop> {
        match Cargo::parse(words)? {
            Cargo::Run {
                package,
                target,
                release,
                arguments,
            } => {
                let project = self.project;
                let original = project.program(&package, &target)?;
                let arguments = self.lesson_arguments(&original, arguments, mode)?;
                let (program, messages) = match self.changed(&package)? {
                    None if release || mode.alone => {
                        let program = project.program_alone(&package, &target, release)?;
                        (program, Vec::new())
                    }
                    None => (original, Vec::new()),
                    Some(experiment) => {
                        let of = experiment.package.clone();
                        let built = experiment.programs(project, release)?;
                        let messages = built.messages.clone();
                        if built.code != 0 {
                            return Ok(Started::Ended(failed(messages, built.code, line.merged)));
                        }
                        (built.executable(&of, &target)?, messages)
                    }
                };
                let mut command = project.command(program);
                command.args(arguments);
                let messages = if line.merged { messages } else { Vec::new() };
                Ok(Started::Program(Box::new(command), messages))
            }
            Cargo::Package {
                subcommand,
                package,
                arguments,
            } => {
                let project = self.project;
                let env = &line.env;
                let output = if let Some(experiment) = self.changed(&package)? {
                    experiment.cargo(project, &subcommand, &arguments, env, line.merged)
                } else {
                    let package = project.package(&package)?;
                    let none = BTreeMap::new();
                    let place = &self.document.path;
                    let copy = Experiment::prepare(project, package, &none, place, mode.alone)?;
                    self.stand_ins.folders.extend(copy.folders());
                    copy.cargo(project, &subcommand, &arguments, env, line.merged)
                };
                Ok(Started::Ended(output?))
            }
            Cargo::Xtask(arguments) => {
                if arguments.first().is_some_and(|first| first == "tutorials") {
                    let message = "a chapter that replays all chapters would never end: \
                                   put this command in a ```sh block";
                    return Err(Stop::Wrong(message.to_owned()));
                }
                let program = self.project.program("xtask", &Target::Default)?;
                let mut command = self.project.command(program);
                command.args(arguments);
                Ok(Started::Program(Box::new(command), Vec::new()))
            }
            Cargo::Tree(arguments) => {
                let mut command = self
                    .project
                    .command(std::env::var_os("CARGO").unwrap_or("cargo".into()));
                command.arg("tree").args(arguments);
                Ok(Started::Program(Box::new(command), Vec::new()))
            }
        }
    }

    /// The experiment, if it is one with this package.
    fn changed(&mut self, package: &str) -> Result<Option<&mut Experiment>, Stop> {
        match &mut self.scope {
            Scope::Changed(experiment) if experiment.package.name == package => {
                Ok(Some(experiment))
            }
            Scope::Changed(_) | Scope::AsWritten => Ok(None),
            Scope::Broken => Err(Stop::Wrong(
                "not replayed, because the diff above it does not apply".to_owned(),
            )),
        }
    }

    /// The arguments of a lesson, in virtual time and on the chapter's port where it offers these.
    fn lesson_arguments(
        &mut self,
        program: &Path,
        mut arguments: Vec<String>,
        mode: Mode,
    ) -> Result<Vec<String>, String> {
        let given = |flag: &str| {
            let valued = format!("{flag}=");
            arguments
                .iter()
                .any(|word| word == flag || word.starts_with(&valued))
        };
        if given("--help") || given("-h") {
            return Ok(arguments);
        }
        let instant =
            !mode.real_time && !given("--instant") && self.project.offers(program, "--instant");
        let port = !given("--port") && self.project.offers(program, "--port");
        if instant {
            arguments.push("--instant".to_owned());
        }
        if port {
            arguments.extend(["--port".to_owned(), self.stand_ins.port()?.to_string()]);
        }
        Ok(arguments)
    }

    fn python(&mut self, words: &[String], mode: Mode) -> Result<Command, Stop> {
        let begin = python_options(words);
        let (options, rest) = words.split_at(begin);
        // The recorder has flags with values of their own before the program.
        let mut programs = rest
            .iter()
            .filter(|word| is_python(word) && *word != RECORDER);
        let script = programs.next().map_or("", String::as_str);
        let python = self.project.python_for(script);
        let python = python.ok_or_else(|| Stop::Skipped("needs Python".to_owned()))?;
        let mut command = self.project.command(python);
        command.args(options);

        // The lesson that the program stands beside knows whether its sleeps can be virtual.
        let beside = self.project.package_of(script);
        let lesson = beside.filter(|package| package.program.is_some());
        let added = match lesson {
            Some(lesson) => {
                let lesson = self.project.program(&lesson.name, &Target::Default)?;
                self.lesson_arguments(&lesson, rest.to_vec(), mode)?
                    .split_off(rest.len())
            }
            None => Vec::new(),
        };
        let (instant, added): (Vec<_>, Vec<_>) =
            added.into_iter().partition(|word| word == "--instant");
        let mut rest = rest.to_vec();
        if rest.first().is_some_and(|first| first == RECORDER) {
            command.arg(rest.remove(0)).args(instant);
        } else if !instant.is_empty() {
            command.arg(RECORDER).args(instant);
        }
        for word in rest {
            match &self.scope {
                Scope::Changed(experiment) if word == script => {
                    match experiment.path(&word) {
                        Some(copy) => command.arg(copy),
                        None => command.arg(word),
                    };
                }
                _ => {
                    command.arg(word);
                }
            }
        }
        command.args(added);
        Ok(command)
    }
}

/// What became of a cargo command.
enum Started {
    /// This is to be run, after the compiler has said that.
    Program(Box<Command>, Vec<String>),
    Ended(Output),
}

fn failed(messages: Vec<String>, code: i32, merged: bool) -> Output {
    let errors = messages.join("\n");
    if merged {
        Output {
            lines: messages,
            errors: String::new(),
            code,
        }
    } else {
        Output {
            lines: Vec::new(),
            errors,
            code,
        }
    }
}

pub(crate) fn is_python(word: &str) -> bool {
    Path::new(word)
        .extension()
        .is_some_and(|extension| extension == "py")
}

/// How many of the words are Python's own options.
fn python_options(words: &[String]) -> usize {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        match word.as_str() {
            "-X" | "-W" => at += 2,
            // What follows is a program, not a file.
            "-c" | "-m" => return words.len(),
            option if option.starts_with('-') => at += 1,
            _ => break,
        }
    }
    at.min(words.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn options_of_python_are_not_its_program() {
        assert_eq!(python_options(&words("a.py -v")), 0);
        assert_eq!(python_options(&words("-X dev -q a.py")), 3);
        assert_eq!(python_options(&words("-c print(1)")), 2);
    }
}
