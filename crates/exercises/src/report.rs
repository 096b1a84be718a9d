//! What a teacher gets: the report of one learner, and the table of a class.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, Kind, read};
use crate::compile::{Bench, Variant};
use crate::grade::{self, Grade, Outcome};
use crate::inventory::{self, Answers};
use crate::progress::{Progress, Record, now};

/// How far one learner is. The states are those of the files now, not those of some earlier check.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Report {
    pub(crate) learner: String,
    /// In seconds since 1970.
    pub(crate) made: u64,
    pub(crate) exercises: Vec<Entry>,
    /// What was answered in the concept inventory, before and after the course.
    #[serde(default)]
    pub(crate) inventory: Answers,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) chapter: String,
    pub(crate) kind: Kind,
    pub(crate) state: State,
    /// What is wrong with it, if it is begun.
    pub(crate) problem: Option<String>,
    #[serde(flatten)]
    pub(crate) record: Record,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Solved,
    Begun,
    Untouched,
}

/// Checks all that `learner` has begun in `folder`.
///
/// # Errors
///
/// If files cannot be read or written, or cargo cannot be run.
pub(crate) fn report(
    catalogue: &Catalogue,
    folder: &Path,
    learner: &str,
    scratch: &Path,
) -> Result<Report> {
    let progress = Progress::open(&folder.join("progress.json"))?;
    let mut variants = Vec::new();
    let mut begun = Vec::new();
    for exercise in &catalogue.exercises {
        let file = folder.join(format!("{}.rs", exercise.name));
        if file.exists() && read(&file)? != read(&exercise.stub())? {
            variants.push(Variant::of(exercise, exercise.name.clone(), file));
            begun.push(exercise);
        }
    }
    let mut grades: BTreeMap<String, Grade> = BTreeMap::new();
    if !variants.is_empty() {
        let bench = Bench::prepare(catalogue, scratch, &variants)?;
        let mut compiled = bench.compile(&[], false)?;
        for exercise in begun {
            let one = compiled.remove(&exercise.name).unwrap_or_default();
            grades.insert(exercise.name.clone(), grade::grade(exercise, &one)?);
        }
    }
    let exercises = catalogue.exercises.iter().map(|exercise| {
        let grade = grades.get(&exercise.name);
        let mut record = progress.of(&exercise.name);
        // A folder may come without its progress: what the files show now counts too.
        for name in grade.map(Grade::all_misconceptions).unwrap_or_default() {
            record.misconceptions.entry(name).or_insert(1);
        }
        Entry {
            name: exercise.name.clone(),
            chapter: exercise.chapter.clone(),
            kind: exercise.about.kind,
            state: match grade {
                Some(grade) if grade.passed() => State::Solved,
                Some(_) => State::Begun,
                None => State::Untouched,
            },
            problem: grade.and_then(problem),
            record,
        }
    });
    Ok(Report {
        learner: learner.to_owned(),
        made: now(),
        exercises: exercises.collect(),
        inventory: Answers::open(folder)?,
    })
}

fn problem(grade: &Grade) -> Option<String> {
    if let Some(error) = grade.errors.first() {
        let line = error.lines().next().unwrap_or_default();
        return Some(format!("does not compile: {}", grade::plain(line)));
    }
    grade.checks.iter().find_map(|check| match &check.result {
        Outcome::Passed => None,
        Outcome::Failed { what, .. } | Outcome::Hangs { what, .. } => {
            Some(format!("{}: {what}", check.name))
        }
    })
}

/// The report in the format that build servers and course systems read.
pub(crate) fn junit(report: &Report) -> String {
    let mut chapters: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in &report.exercises {
        chapters.entry(&entry.chapter).or_default().push(entry);
    }
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(xml, "<testsuites name=\"{}\">", escaped(&report.learner));
    for (chapter, entries) in chapters {
        let count = |state| entries.iter().filter(|entry| entry.state == state).count();
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">",
            escaped(chapter),
            entries.len(),
            count(State::Begun),
            count(State::Untouched)
        );
        for entry in entries {
            let inside = match (entry.state, &entry.problem) {
                (State::Solved, _) => String::new(),
                (State::Untouched, _) => "<skipped/>".to_owned(),
                (State::Begun, problem) => {
                    let problem = problem.as_deref().unwrap_or("not solved");
                    format!("<failure message=\"{}\"/>", escaped(problem))
                }
            };
            let _ = writeln!(
                xml,
                "    <testcase classname=\"{}\" name=\"{}\">{inside}</testcase>",
                escaped(chapter),
                escaped(&entry.name)
            );
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// A text as it may stand in an attribute. XML has no way to write most control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(' '),
            other if other.is_control() => {}
            other => escaped.push(other),
        }
    }
    escaped
}

/// The reports of a class. A folder with exercises is checked now; a file is a report that the
/// learner made.
///
/// # Errors
///
/// If one of them is neither.
pub(crate) fn collect(
    catalogue: &Catalogue,
    places: &[PathBuf],
    scratch: &Path,
) -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    for place in places {
        if place.is_file() {
            let report = serde_json::from_str(&read(place)?)
                .with_context(|| format!("{} is no report", place.display()))?;
            reports.push(report);
            continue;
        }
        let inside = place.join("crates/exercises/work");
        let folder = if inside.is_dir() {
            inside
        } else {
            place.clone()
        };
        let has_any = catalogue
            .exercises
            .iter()
            .any(|exercise| folder.join(format!("{}.rs", exercise.name)).exists());
        if !has_any {
            bail!("{} holds no exercise and is no report", place.display());
        }
        let folder = folder.canonicalize()?;
        let learner = place.file_name().unwrap_or(place.as_os_str());
        let learner = learner.to_string_lossy();
        reports.push(report(
            catalogue,
            &folder,
            &learner,
            &scratch.join(&*learner),
        )?);
    }
    Ok(reports)
}

/// The table of a class: who is where, where people are stuck, and which misconceptions were met.
pub(crate) fn class(catalogue: &Catalogue, reports: &[Report]) -> String {
    let mut text = String::new();
    let widest = reports.iter().map(|one| one.learner.chars().count()).max();
    let width = widest.unwrap_or(0).max(7);
    let _ = writeln!(text, "{:<width$}  solved  hints  checks  now at", "learner");
    for report in reports {
        let solved = report
            .exercises
            .iter()
            .filter(|one| one.state == State::Solved)
            .count();
        let hints: usize = report.exercises.iter().map(|one| one.record.hints).sum();
        let checks: u32 = report.exercises.iter().map(|one| one.record.checks).sum();
        let at = report
            .exercises
            .iter()
            .find(|one| one.state != State::Solved);
        let at = at.map_or("all solved", |one| one.name.as_str());
        let all = report.exercises.len();
        let _ = writeln!(
            text,
            "{:<width$}  {solved:>3}/{all:<2}  {hints:>5}  {checks:>6}  {at}",
            report.learner
        );
    }
    let _ = writeln!(text, "\nexercise                 solved  begun  untouched");
    for exercise in &catalogue.exercises {
        let of = reports.iter().flat_map(|one| &one.exercises);
        let of: Vec<&Entry> = of.filter(|one| one.name == exercise.name).collect();
        let count = |state| of.iter().filter(|one| one.state == state).count();
        if count(State::Untouched) == of.len() {
            continue;
        }
        let _ = writeln!(
            text,
            "{:<24} {:>6} {:>6} {:>10}",
            exercise.name,
            count(State::Solved),
            count(State::Begun),
            count(State::Untouched)
        );
    }
    let mut met: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for report in reports {
        for name in report
            .exercises
            .iter()
            .flat_map(|one| one.record.misconceptions.keys())
        {
            let learners = met.entry(name).or_default();
            if !learners.contains(&report.learner.as_str()) {
                learners.push(&report.learner);
            }
        }
    }
    let mut met: Vec<_> = met.into_iter().collect();
    met.sort_by_key(|(_, learners)| std::cmp::Reverse(learners.len()));
    let _ = writeln!(text, "\nmisconceptions met, by how many learners");
    for (name, learners) in met {
        let belief = catalogue
            .misconceptions
            .get(name)
            .map_or("", |one| &one.belief);
        let _ = writeln!(
            text,
            "{:>3}  {name}: {belief} ({})",
            learners.len(),
            learners.join(", ")
        );
    }
    let answers: Vec<(&str, &Answers)> = reports
        .iter()
        .map(|one| (one.learner.as_str(), &one.inventory))
        .collect();
    text.push_str(&inventory::class(&catalogue.questions, &answers));
    text
}

/// Writes a file, or says why it cannot.
///
/// # Errors
///
/// If the file cannot be written.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    println!("wrote {}", path.display());
    Ok(())
}
