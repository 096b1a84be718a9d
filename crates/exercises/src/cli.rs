//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use lexopt::prelude::*;

use crate::catalogue::{Catalogue, Exercise};
use crate::inventory::Round;
use crate::workshop::Workshop;
use crate::{compile, doctor, inventory, report, say, verify, watch};

const HELP: &str = "\
Exercises that check themselves. Without a command: shows the next one and checks it on each save.

  cargo run -p exercises                    the next exercise, checked on each save
  cargo run -p exercises -- list            all exercises, and how far you are
  cargo run -p exercises -- check NAME      check one exercise now
  cargo run -p exercises -- hint [NAME]     the next hint
  cargo run -p exercises -- solution NAME   our solution
  cargo run -p exercises -- reset NAME      the stub again; what you had is kept beside it
  cargo run -p exercises -- report          check all that you have begun, and write report.json
                                            and report.xml (JUnit); --learner NAME says who you are

  cargo run -p exercises -- inventory before
  cargo run -p exercises -- inventory after  25 questions, before and after a course
  cargo run -p exercises -- doctor          whether this machine is ready for a class

For teachers and maintainers:

  cargo run -p exercises -- class PLACE...  one table of many reports or learners' folders
  cargo run -p exercises -- verify [NAME...] prove that each solution passes, each stub fails, and
                                            each wrong attempt is rejected by name

  --folder FOLDER   the learner's folder (default crates/exercises/work)
";

#[derive(Debug, Default)]
struct Arguments {
    words: Vec<String>,
    folder: Option<PathBuf>,
    learner: Option<String>,
}

/// Runs the command that was asked for.
///
/// # Errors
///
/// If the arguments are not understood, or files cannot be read or written.
pub(crate) fn run() -> Result<ExitCode> {
    let mut arguments = Arguments::default();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => {
                print!("{HELP}");
                return Ok(ExitCode::SUCCESS);
            }
            Long("folder") => arguments.folder = Some(parser.value()?.into()),
            Long("learner") => arguments.learner = Some(parser.value()?.string()?),
            Value(word) => arguments.words.push(word.string()?),
            other => bail!("{}; --help lists what there is", other.unexpected()),
        }
    }
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let catalogue = Catalogue::open(package)?;
    let folder = arguments
        .folder
        .clone()
        .unwrap_or_else(|| package.join("work"));
    let scratch = compile::target_folder()?.join("exercises");
    let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
    let open = || Workshop::open(&catalogue, &folder);
    match words[..] {
        [] | ["watch"] => watch::watch(&mut open()?)?,
        ["help"] => print!("{HELP}"),
        ["list"] => say::list(&open()?)?,
        ["check", name] => return check(&mut open()?, catalogue.find(name)?),
        ["hint"] => {
            let mut workshop = open()?;
            let next = workshop.next().context("all exercises are solved")?;
            watch::hint(&mut workshop, next)?;
        }
        ["hint", name] => watch::hint(&mut open()?, catalogue.find(name)?)?,
        ["solution", name] => watch::solution(&mut open()?, catalogue.find(name)?)?,
        ["reset", name] => {
            let before = open()?.reset(catalogue.find(name)?)?;
            println!("The stub is back. What you had is in {}.", before.display());
        }
        ["report"] => write_report(&open()?, arguments.learner.as_deref(), &scratch)?,
        ["verify", ..] => {
            let named = words[1..].iter().map(|name| catalogue.find(name));
            let mut exercises = named.collect::<Result<Vec<_>>>()?;
            if exercises.is_empty() {
                exercises = catalogue.exercises.iter().collect();
            }
            let mut proved = verify::verify(&catalogue, &exercises, &scratch.join("verify"))?;
            if words.len() == 1 {
                proved &= verify::rest(&catalogue, &scratch.join("inventory"))?;
            }
            return Ok(if proved {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        ["inventory", "before"] => inventory(&catalogue, &folder, Round::Before)?,
        ["inventory", "after"] => inventory(&catalogue, &folder, Round::After)?,
        ["inventory", ..] => bail!("say `inventory before` or `inventory after`"),
        ["doctor"] => {
            let ready = doctor::examine(&catalogue, &scratch.join("doctor"));
            return Ok(if ready {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        ["class"] => bail!("class needs the reports or folders of learners"),
        ["class", ..] => {
            let places: Vec<PathBuf> = words[1..].iter().map(PathBuf::from).collect();
            let reports = report::collect(&catalogue, &places, &scratch.join("class"))?;
            print!("{}", report::class(&catalogue, &reports));
        }
        ["check" | "solution" | "reset"] => {
            bail!(
                "{} needs the name of an exercise; `list` lists them",
                words[0]
            )
        }
        _ => bail!("{:?} is no command; --help lists them", words.join(" ")),
    }
    Ok(ExitCode::SUCCESS)
}

fn inventory(catalogue: &Catalogue, folder: &Path, round: Round) -> Result<()> {
    // The folder and the rules for what lies in it are the workshop's.
    let workshop = Workshop::open(catalogue, folder)?;
    inventory::ask(
        catalogue,
        &workshop.folder,
        round,
        &mut std::io::stdin().lock(),
    )
}

fn check(workshop: &mut Workshop<'_>, exercise: &Exercise) -> Result<ExitCode> {
    say::exercise(workshop, exercise);
    let colour = std::io::IsTerminal::is_terminal(&std::io::stdout());
    let grade = workshop.check(exercise, colour)?;
    let begun = workshop.is_begun(exercise)?;
    say::grade(workshop.catalogue, exercise, &grade, begun);
    Ok(if grade.passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn write_report(workshop: &Workshop<'_>, learner: Option<&str>, scratch: &Path) -> Result<()> {
    let variables = ["USER", "USERNAME"];
    let user = variables.iter().find_map(|name| std::env::var(name).ok());
    let learner = learner.map(str::to_owned).or(user);
    let learner = learner.unwrap_or_else(|| "unnamed".to_owned());
    let report = report::report(
        workshop.catalogue,
        &workshop.folder,
        &learner,
        &scratch.join("report"),
    )?;
    let json = serde_json::to_string_pretty(&report)? + "\n";
    report::write(&workshop.folder.join("report.json"), &json)?;
    report::write(&workshop.folder.join("report.xml"), &report::junit(&report))
}
