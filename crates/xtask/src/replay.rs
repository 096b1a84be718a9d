//! Replays what a chapter tells its reader to type, in order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::console::{self, Kind, Replay, Step};
use crate::diff;
use crate::expect::Rules;
use crate::experiment::Experiment;
use crate::findings::{Findings, Mend, Problem};
use crate::launch::{Job, Launcher, Mode, Scope, Stop};
use crate::markdown::{Block, Document, Item};
use crate::patch;
use crate::process::{Next, Output, Running};
use crate::project::{Package, Project};
use crate::twins;

/// How long a command may take.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// How long one may take whose sleeps are real: its author has promised that it is short.
const REAL_TIME_LIMIT: Duration = Duration::from_secs(15);

/// How long a server may take to say that it is ready, and to stop.
const SERVER_LIMIT: Duration = Duration::from_secs(10);

/// How chapters are replayed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Everything as a reader has it: sleeps take their time, and each lesson is built alone.
    pub real_time: bool,
}

/// Replays the console blocks of a part of a chapter, in order, and compares what they print.
pub(crate) fn check(project: &Project, part: &Part<'_>, options: Options) -> Findings {
    let mut session = Session {
        project,
        document: part.document,
        options,
        launcher: Launcher::new(project, part.document),
        background: Vec::new(),
        absent: false,
        unasked: false,
        findings: Findings::default(),
    };
    for (block, begins_section) in &part.blocks {
        if *begins_section {
            session.launcher.scope = Scope::AsWritten;
        }
        if block.language == "diff" {
            session.diff(block);
        } else {
            session.console(block);
        }
    }
    session.findings
}

/// Blocks of a chapter that need each other: a change and the commands that run it, a server and
/// the commands that ask it. Parts can be replayed at the same time.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    document: &'a Document,
    /// Each with whether a heading stands before it, which ends a change.
    blocks: Vec<(&'a Block, bool)>,
}

/// The parts of a chapter.
pub(crate) fn parts(document: &Document) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    let new_part = || Part {
        document,
        blocks: Vec::new(),
    };
    let mut running = 0_usize;
    let mut changed = false;
    let mut begins_section = false;
    let passes_files_on = passes_files_on(document);
    for item in document.items() {
        let block = match item {
            Item::Heading(_) => {
                changed = false;
                begins_section = true;
                continue;
            }
            Item::Block(block) if matches!(block.language.as_str(), "diff" | "console") => block,
            Item::Block(_) => continue,
        };
        let is_diff = block.language == "diff";
        let replay = Replay::of(block).unwrap_or_default();
        if is_diff || replay.as_written {
            changed = false;
        }
        if parts.is_empty() || running == 0 && !changed && !passes_files_on {
            parts.push(new_part());
        }
        if let Some(part) = parts.last_mut() {
            part.blocks.push((block, begins_section));
            begins_section = false;
        }
        changed |= is_diff;
        if is_diff {
            continue;
        }
        for step in console::steps(block, &replay).unwrap_or_default() {
            match step.kind {
                Kind::Background(_) => running += 1,
                Kind::Interrupt => running = running.saturating_sub(1),
                Kind::Command(_) | Kind::More => {}
            }
        }
    }
    parts
}

/// Whether one command writes a file that another one names.
fn passes_files_on(document: &Document) -> bool {
    let blocks = document.blocks.iter();
    let lines = blocks
        .filter(|block| block.language == "console")
        .flat_map(|block| &block.lines);
    let words: Vec<&str> = lines
        .filter(|line| line.starts_with("$ "))
        .flat_map(|line| line.split_whitespace())
        .collect();
    let written = words
        .iter()
        .filter_map(|word| word.strip_prefix("--timeline="));
    written.into_iter().any(|file| words.contains(&file))
}

/// A part of a chapter that is being replayed.
struct Session<'a> {
    project: &'a Project,
    document: &'a Document,
    options: Options,
    launcher: Launcher<'a>,
    background: Vec<Background>,
    /// Whether a server could not be started: what asks it is left out, until its `^C`.
    absent: bool,
    /// Whether a request was left out: then nobody knows what the server prints.
    unasked: bool,
    findings: Findings,
}

/// A command that keeps running.
struct Background {
    running: Running,
    /// What it has printed that no block has shown yet.
    unseen: Vec<String>,
}

impl Session<'_> {
    /// Whether the lesson of this chapter prints what only virtual time makes the same each time.
    /// Its manifest says so, and why. The lesson has the chapter's name; where none has, it is the
    /// one of which the chapter shows a file first.
    fn is_virtual_only(&self) -> bool {
        let file = self.document.path.rsplit('/').next().unwrap_or_default();
        let name = file
            .strip_suffix(".md")
            .and_then(|file| file.split_once('-'));
        let shown = self.document.text.split_once("crates/");
        let shown = shown.and_then(|(_, rest)| rest.split_once('/'));
        let lesson = name
            .and_then(|(_, name)| self.project.package(name).ok())
            .or_else(|| self.project.package(shown?.0).ok());
        lesson.is_some_and(|lesson| twins::virtual_only(lesson).is_some())
    }

    fn problem(&mut self, line: usize, message: String) {
        let problem = Problem::new(&self.document.path, line, message);
        self.findings.problems.push(problem);
    }

    fn diff(&mut self, block: &Block) {
        self.findings.checked += 1;
        match self.experiment(block) {
            Ok(experiment) => self.launcher.enter(experiment),
            Err((line, message)) => {
                self.problem(line, message);
                self.launcher.scope = Scope::Broken;
            }
        }
    }

    fn experiment(&self, block: &Block) -> Result<Experiment, patch::Mistake> {
        let mut changed = BTreeMap::new();
        let mut package: Option<&Package> = None;
        for patch in patch::parse(block)? {
            let text = self.project.read(&patch.path);
            let text =
                text.ok_or_else(|| (block.line, format!("there is no file {}", patch.path)))?;
            let of = self.project.package_of(&patch.path).ok_or_else(|| {
                let message = format!("{} belongs to no package of the workspace", patch.path);
                (block.line, message)
            })?;
            if package.is_some_and(|package| package.name != of.name) {
                let message = "one diff changes one package".to_owned();
                return Err((block.line, message));
            }
            package = Some(of);
            changed.insert(patch.path.clone(), patch.apply(&text)?);
        }
        let package =
            package.ok_or_else(|| (block.line, "a diff begins with `--- PATH`".to_owned()))?;
        let place = format!("{}\n{}", self.document.path, block.lines.join("\n"));
        let alone = block.directive("replay").any(|how| how == "alone") || self.options.real_time;
        Experiment::prepare(self.project, package, &changed, &place, alone)
            .map_err(|message| (block.line, message))
    }

    fn console(&mut self, block: &Block) {
        let replay = match Replay::of(block) {
            Ok(replay) => replay,
            Err(message) => return self.problem(block.line, message),
        };
        let (rules, steps) = match (
            Rules::new(block.directive("varies")),
            console::steps(block, &replay),
        ) {
            (Ok(rules), Ok(steps)) => (rules, steps),
            (Err(message), _) | (_, Err(message)) => return self.problem(block.line, message),
        };
        if replay.as_written {
            self.launcher.scope = Scope::AsWritten;
        }
        let mut mended = Vec::new();
        let mut wrong = Vec::new();
        for step in &steps {
            self.findings.checked += 1;
            let (lines, mistake) = self.step(step, &replay, &rules);
            mended.extend(step.shown.iter().cloned());
            mended.extend(lines);
            wrong.extend(mistake);
        }
        let mend = Mend::Text {
            range: block.content.clone(),
            text: block.source(&mended),
        };
        for (problem, is_mendable) in wrong {
            self.findings.problems.push(if is_mendable {
                problem.mended_by(mend.clone())
            } else {
                problem
            });
        }
        let expected: Vec<&str> = block.lines.iter().map(String::as_str).collect();
        for pattern in rules.unused(&expected) {
            let message = format!("`varies: {pattern}` matches nothing in this block");
            self.problem(block.line, message);
        }
    }

    /// The lines that the step is to show, and what is wrong with it, which they mend or not.
    fn step(
        &mut self,
        step: &Step,
        replay: &Replay,
        rules: &Rules,
    ) -> (Vec<String>, Option<(Problem, bool)>) {
        let problem = |message| Problem::new(&self.document.path, step.line, message);
        let output = match self.run(step, replay, rules) {
            Ok(output) => output,
            Err(Stop::Wrong(message)) => {
                return (step.expected.clone(), Some((problem(message), false)));
            }
            Err(Stop::Skipped(why)) => {
                self.absent |= matches!(step.kind, Kind::Background(_));
                self.unasked |= !self.background.is_empty();
                let place = format!("{}:{}", self.document.path, step.line);
                self.findings.skipped.push(format!("{place}: {why}"));
                return (step.expected.clone(), None);
            }
        };
        let expected = trimmed(&step.expected);
        let printed = trimmed(&output.lines);
        if output.code != step.code {
            let mut message = format!("exit code {}, expected {}", output.code, step.code);
            let errors = output.errors.trim_end();
            let said = [diff::beginning(printed), diff::beginning(errors.lines())];
            for text in said.iter().filter(|text| !text.is_empty()) {
                message = format!("{message}\n{text}");
            }
            return (step.expected.clone(), Some((problem(message), false)));
        }
        if rules.matches(&expected, &printed) {
            return (step.expected.clone(), None);
        }
        let mut message = format!(
            "prints otherwise\n{}",
            rules.difference(&expected, &printed)
        );
        if printed.is_empty() && !output.errors.is_empty() {
            message = format!("{message}\nstandard error:\n{}", output.errors.trim_end());
        }
        let mended = rules.mend(&expected, &printed);
        (mended, Some((problem(message), true)))
    }

    /// Runs a step. What it prints reads as in the chapter.
    fn run(&mut self, step: &Step, replay: &Replay, rules: &Rules) -> Result<Output, Stop> {
        let mode = Mode {
            real_time: replay.mode.real_time || self.options.real_time && !self.is_virtual_only(),
            alone: replay.mode.alone || self.options.real_time,
        };
        if self.absent {
            self.absent = step.kind != Kind::Interrupt;
            return Err(Stop::Skipped("the server was left out".to_owned()));
        }
        let output = match &step.kind {
            Kind::Command(line) => {
                let limit = if replay.mode.real_time {
                    REAL_TIME_LIMIT
                } else {
                    LIMIT
                };
                self.launcher.job(line, mode)?.run(limit)?
            }
            Kind::Background(line) => match self.launcher.job(line, mode)? {
                Job::Done(output) => output,
                Job::Start(_) if trimmed(&step.expected).is_empty() => {
                    let message = "show the line by which one knows that it is ready";
                    return Err(Stop::Wrong(message.to_owned()));
                }
                Job::Start(start) => {
                    let input = start.input.as_deref();
                    self.background.push(Background {
                        running: Running::start(*start.command, input, start.merged)?,
                        unseen: start.before,
                    });
                    self.more(&step.expected, rules)?
                }
            },
            Kind::More if self.unasked => {
                return Err(Stop::Skipped("what it is asked was left out".to_owned()));
            }
            Kind::More => self.more(&step.expected, rules)?,
            Kind::Interrupt => {
                let output = self.interrupt()?;
                if self.unasked {
                    return Err(Stop::Skipped("what it is asked was left out".to_owned()));
                }
                output
            }
        };
        Ok(Output {
            lines: self.launcher.stand_ins.as_in_chapter(output.lines),
            errors: self
                .launcher
                .stand_ins
                .as_in_chapter(vec![output.errors])
                .join("\n"),
            code: output.code,
        })
    }

    /// Waits until the command that runs has printed what is expected.
    fn more(&mut self, expected: &[String], rules: &Rules) -> Result<Output, Stop> {
        let deadline = Instant::now() + SERVER_LIMIT;
        let expected = trimmed(expected);
        let Some(mut background) = self.background.pop() else {
            let message = "this console block shows no command, and none is running";
            return Err(Stop::Wrong(message.to_owned()));
        };
        let mut output = Output {
            lines: Vec::new(),
            errors: String::new(),
            code: 0,
        };
        loop {
            let lines = self
                .launcher
                .stand_ins
                .as_in_chapter(background.unseen.clone());
            let printed: Vec<&str> = lines.iter().map(String::as_str).collect();
            if let Some(count) = rules.met_by_first(&expected, &printed) {
                output.lines = background.unseen.drain(..count).collect();
                self.background.push(background);
                return Ok(output);
            }
            // More lines can only help where some are left out.
            let enough = printed.len() >= expected.len() && !expected.contains(&"...");
            let next = if enough {
                Next::Late
            } else {
                background.running.next(deadline)
            };
            match next {
                Next::Line(line) => background.unseen.push(line),
                Next::Late => {
                    output.lines = std::mem::take(&mut background.unseen);
                    self.background.push(background);
                    return Ok(output);
                }
                Next::End => {
                    output.lines = background.unseen;
                    if let Ok((code, errors)) = background.running.end(deadline) {
                        (output.code, output.errors) = (code, errors);
                    }
                    return Ok(output);
                }
            }
        }
    }

    #[cfg(unix)]
    fn interrupt(&mut self) -> Result<Output, Stop> {
        let Some(mut background) = self.background.pop() else {
            let message = "nothing is running that ^C could end";
            return Err(Stop::Wrong(message.to_owned()));
        };
        let deadline = Instant::now() + SERVER_LIMIT;
        background.running.interrupt()?;
        let mut lines = background.unseen;
        while let Next::Line(line) = background.running.next(deadline) {
            lines.push(line);
        }
        let (code, errors) = background
            .running
            .end(deadline)
            .map_err(|message| format!("{message} at ^C"))?;
        Ok(Output {
            lines,
            errors,
            code,
        })
    }

    /// There is no ^C to send to one process alone: it is stopped instead.
    #[cfg(not(unix))]
    fn interrupt(&mut self) -> Result<Output, Stop> {
        drop(self.background.pop());
        let why = "^C cannot be replayed on this system";
        common::testing::skip(why);
        Err(Stop::Skipped(why.to_owned()))
    }
}

/// Without the blank lines at the beginning and end.
fn trimmed(lines: &[String]) -> Vec<&str> {
    let blank = |line: &&String| line.trim().is_empty();
    let skip = lines.iter().take_while(blank).count();
    let keep = lines[skip..].iter().rev().take_while(blank).count();
    let lines = lines[skip..lines.len() - keep].iter();
    lines.map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many blocks each part has.
    fn sizes(chapter: &str) -> Vec<usize> {
        let document = Document::parse("a.md", chapter);
        parts(&document)
            .iter()
            .map(|part| part.blocks.len())
            .collect()
    }

    const COMMAND: &str = "```console\n$ a\n```\n\n";
    const DIFF: &str = "```diff\n--- a.rs\n-a\n+b\n```\n\n";
    const SERVER: &str = "<!-- replay: background -->\n```console\n$ s\nready\n```\n\n";
    const STOP: &str = "```console\n^C\n```\n\n";

    #[test]
    fn commands_that_need_nothing_are_parts_of_their_own() {
        assert_eq!(
            sizes(&format!("{COMMAND}{COMMAND}## A\n\n{COMMAND}")),
            [1, 1, 1]
        );
        assert_eq!(sizes("```text\na\n```\n"), [0; 0]);
    }

    #[test]
    fn a_change_holds_until_the_next_one_or_the_next_heading() {
        let chapter = format!("{COMMAND}{DIFF}{COMMAND}{COMMAND}{DIFF}{COMMAND}## A\n\n{COMMAND}");
        assert_eq!(sizes(&chapter), [1, 3, 2, 1]);
        let as_written = format!("{DIFF}{COMMAND}<!-- replay: as written -->\n{COMMAND}{COMMAND}");
        assert_eq!(sizes(&as_written), [2, 1, 1]);
    }

    #[test]
    fn a_server_runs_until_it_is_stopped() {
        let chapter = format!("{SERVER}{COMMAND}## A\n\n{DIFF}{COMMAND}{STOP}## B\n\n{COMMAND}");
        assert_eq!(sizes(&chapter), [5, 1]);
        assert_eq!(sizes(&format!("{SERVER}{COMMAND}{COMMAND}")), [3]);
    }

    #[test]
    fn a_chapter_that_reads_what_it_has_written_is_one_part() {
        let write = "```console\n$ a --timeline=b.json\n```\n";
        let read = "```console\n$ c b.json\n```\n";
        assert_eq!(sizes(&format!("{write}{COMMAND}{read}")), [3]);
        assert_eq!(sizes(&format!("{write}{COMMAND}")), [1, 1]);
    }

    #[test]
    fn blank_lines_around_output_do_not_count() {
        let lines = ["", "a", "", "b", " "].map(str::to_owned);
        assert_eq!(trimmed(&lines), ["a", "", "b"]);
        assert!(trimmed(&[String::new()]).is_empty());
    }
}
