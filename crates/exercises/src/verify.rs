//! Proves the exercises: each solution passes, each stub fails, and each wrong attempt is rejected
//! with a message that names its misconception.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::catalogue::{Catalogue, Exercise};
use crate::compile::{Bench, Compiled, Variant};
use crate::grade::{self, Grade, Outcome};

/// Proves what is not an exercise by itself: the answers of the concept inventory, and that no
/// exercise is half written. Prints what it finds. Whether all is proved.
///
/// # Errors
///
/// If the programs cannot be compiled or run for a reason that lies outside of them.
pub(crate) fn rest(catalogue: &Catalogue, scratch: &Path) -> Result<bool> {
    let mut problems = crate::inventory::verify(catalogue, scratch)?;
    let unfinished = catalogue.unfinished.iter();
    problems.extend(unfinished.map(|folder| format!("{}: no exercise.toml", folder.display())));
    for problem in &problems {
        println!("PROBLEM {problem}");
    }
    println!(
        "{} questions, each answered by its program; {} problems",
        catalogue.questions.len(),
        problems.len()
    );
    Ok(problems.is_empty())
}

/// What a variant must do.
#[derive(Debug)]
enum Duty {
    Fail,
    Pass,
    Be(String),
}

/// Checks `exercises` and prints what it finds. Whether all is proved.
///
/// # Errors
///
/// If the exercises cannot be compiled or run for a reason that lies outside of them.
pub(crate) fn verify(
    catalogue: &Catalogue,
    exercises: &[&Exercise],
    scratch: &Path,
) -> Result<bool> {
    let started = Instant::now();
    let mut problems: Vec<String> = Vec::new();
    let mut variants = Vec::new();
    let mut duties = Vec::new();
    for &exercise in exercises {
        form(catalogue, exercise, &mut problems)?;
        for (name, file, duty) in duties_of(exercise)? {
            variants.push(Variant::of(exercise, name, file));
            duties.push((exercise, duty));
        }
    }
    problems.extend(unformatted(&variants)?);
    let bench = Bench::prepare(catalogue, scratch, &variants)?;
    let compiled = bench.compile(&[], false)?;
    let nothing = Compiled::default();
    let jobs: Vec<(&Exercise, &Compiled)> = variants
        .iter()
        .zip(&duties)
        .map(|(variant, (exercise, _))| {
            (*exercise, compiled.get(&variant.name).unwrap_or(&nothing))
        })
        .collect();
    let grades = grade::grade_all(&jobs);
    let mut counts: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for (((variant, (exercise, duty)), (_, one)), grade) in
        variants.iter().zip(&duties).zip(&jobs).zip(grades)
    {
        let grade = grade?;
        let count = counts.entry(&exercise.name).or_default();
        let kept = match duty {
            Duty::Fail => &mut count[0],
            Duty::Pass => &mut count[1],
            Duty::Be(_) => &mut count[2],
        };
        match broken(duty, one, &grade) {
            None => *kept += 1,
            Some(why) => problems.push(format!("{}: {why}", variant.file.display())),
        }
    }
    for exercise in exercises {
        let [stub, solutions, wrong] = counts
            .get(exercise.name.as_str())
            .copied()
            .unwrap_or_default();
        println!(
            "{:<24} stub fails: {}   solutions pass: {solutions}   wrong attempts rejected by name: {wrong}",
            exercise.name,
            if stub == 1 { "yes" } else { "NO" },
        );
    }
    for problem in &problems {
        println!("PROBLEM {problem}");
    }
    let total = |index: usize| counts.values().map(|count| count[index]).sum::<usize>();
    println!(
        "{} exercises in {:.0} s: {} stubs fail, {} solutions pass, {} wrong attempts are rejected by name; {} problems",
        exercises.len(),
        started.elapsed().as_secs_f64(),
        total(0),
        total(1),
        total(2),
        problems.len()
    );
    Ok(problems.is_empty())
}

fn duties_of(exercise: &Exercise) -> Result<Vec<(String, PathBuf, Duty)>> {
    let name = &exercise.name;
    let mut all = vec![
        (format!("{name}--stub"), exercise.stub(), Duty::Fail),
        (format!("{name}--solution"), exercise.solution(), Duty::Pass),
    ];
    for file in exercise.also()? {
        all.push((format!("{name}--also-{}", stem(&file)), file, Duty::Pass));
    }
    for attempt in exercise.attempts()? {
        let name = format!("{name}--wrong-{}", stem(&attempt.path));
        all.push((name, attempt.path, Duty::Be(attempt.misconception)));
    }
    Ok(all)
}

fn stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// What the variant does that it must not do.
fn broken(duty: &Duty, compiled: &Compiled, grade: &Grade) -> Option<String> {
    match duty {
        Duty::Pass if !grade.passed() => Some(format!("does not pass: {}", findings(grade))),
        Duty::Pass if !compiled.warnings.is_empty() => {
            Some(format!("warnings: {}", compiled.warnings.join("\n")))
        }
        Duty::Fail if grade.passed() => Some("the stub passes".to_owned()),
        Duty::Be(misconception) => {
            let met = grade.all_misconceptions();
            let is_named = met.contains(misconception);
            (!is_named).then(|| format!("is not rejected as {misconception}: {}", findings(grade)))
        }
        _ => None,
    }
}

fn findings(grade: &Grade) -> String {
    if !grade.errors.is_empty() {
        return grade.errors.join("\n");
    }
    let lines = grade.checks.iter().map(|check| match &check.result {
        Outcome::Passed => format!("ok: {}", check.name),
        Outcome::Failed {
            what,
            misconception,
        } => {
            format!("failed: {}: {what} {misconception:?}", check.name)
        }
        Outcome::Hangs {
            what,
            misconception,
            ..
        } => {
            format!("hangs: {}: {what} {misconception:?}", check.name)
        }
    });
    lines.collect::<Vec<_>>().join("; ")
}

/// What every exercise has.
fn form(catalogue: &Catalogue, exercise: &Exercise, problems: &mut Vec<String>) -> Result<()> {
    let mut need = |holds: bool, what: &str| {
        if !holds {
            problems.push(format!("{}: {what}", exercise.name));
        }
    };
    let about = &exercise.about;
    need(about.hints.len() == 3, "there are not three hints");
    need(
        about.hints.iter().all(|hint| !hint.trim().is_empty()),
        "a hint is empty",
    );
    need(
        (1..=40).contains(&about.minutes),
        "the minutes are not 1 to 40",
    );
    need(!about.title.trim().is_empty(), "it has no title");
    let tutorials = catalogue.package.join("../../tutorials");
    let chapter = |name: &str| tutorials.join(format!("{name}.md")).exists();
    need(chapter(&exercise.chapter), "its chapter does not exist");
    let attempts = exercise.attempts()?;
    need(
        attempts.len() >= 2,
        "there are fewer than two wrong attempts",
    );
    let told = about.compiler.iter().map(|one| &one.misconception);
    for name in attempts.iter().map(|one| &one.misconception).chain(told) {
        match catalogue.misconceptions.get(name) {
            None => need(false, &format!("no file of misconceptions/ knows {name}")),
            Some(one) => need(
                chapter(&one.chapter),
                &format!("the chapter of {name} does not exist"),
            ),
        }
    }
    let stub = crate::catalogue::read(&exercise.stub())?;
    need(
        stub.starts_with("// "),
        "the stub does not begin with its task",
    );
    Ok(())
}

/// What rustfmt would write otherwise. Cargo formats members of the workspace only.
fn unformatted(variants: &[Variant]) -> Result<Vec<String>> {
    let mut files: Vec<PathBuf> = variants.iter().map(|one| one.file.clone()).collect();
    files.extend(variants.iter().filter_map(|one| one.check.clone()));
    files.sort();
    files.dedup();
    let Ok(output) = Command::new("rustfmt")
        .args(["--check", "--edition", "2024", "--files-with-diff"])
        .args(&files)
        .output()
    else {
        println!("SKIP: rustfmt is not installed, so the form of the exercises is not checked");
        return Ok(Vec::new());
    };
    let text = String::from_utf8(output.stdout).context("rustfmt prints no text")?;
    Ok(text
        .lines()
        .map(|line| format!("{line}: not as rustfmt writes it"))
        .collect())
}
