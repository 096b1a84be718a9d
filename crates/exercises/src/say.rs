//! What is said to a learner.

use crate::catalogue::{Catalogue, Exercise};
use crate::grade::{Grade, Outcome};
use crate::progress::Record;
use crate::workshop::Workshop;

/// What the next exercise is.
pub(crate) fn exercise(workshop: &Workshop<'_>, exercise: &Exercise) {
    let all = &workshop.catalogue.exercises;
    let number = all
        .iter()
        .position(|one| one.name == exercise.name)
        .unwrap_or(0)
        + 1;
    println!();
    println!(
        "Exercise {number} of {}: {} ({})",
        all.len(),
        exercise.about.title,
        exercise.name
    );
    println!(
        "  {}, about {} minutes, chapter tutorials/{}.md",
        exercise.about.kind.name(),
        exercise.about.minutes,
        exercise.chapter
    );
    println!("  open and change: {}", workshop.shown(exercise));
}

/// What a check has found. While the stub is as it was, no belief is named: it is nobody's yet, and
/// it would give away what there is to find.
pub(crate) fn grade(catalogue: &Catalogue, exercise: &Exercise, grade: &Grade, begun: bool) {
    println!();
    // A stub does not use what its author has yet to write about.
    let is_unwritten = grade.checks.iter().any(|check| {
        matches!(&check.result, Outcome::Failed { what, .. } if what.starts_with("Still to do"))
    });
    let shows_warnings = !grade.passed() && !is_unwritten;
    for warning in grade.warnings.iter().filter(|_| shows_warnings) {
        println!("{}", warning.trim_end());
        println!();
    }
    for error in &grade.errors {
        println!("{}", error.trim_end());
        println!();
    }
    if !grade.errors.is_empty() && begun {
        misconceptions(catalogue, grade);
    }
    if !grade.errors.is_empty() {
        println!("{} does not compile yet.", exercise.name);
        return;
    }
    for check in &grade.checks {
        match &check.result {
            Outcome::Passed => println!("  ok      {}", check.name),
            Outcome::Failed { what, .. } => {
                println!("  FAILED  {}", check.name);
                told(what);
                printed(&check.output);
            }
            Outcome::Hangs { what, .. } => {
                println!("  HANGS   {}", check.name);
                told(what);
                printed(&check.output);
            }
        }
    }
    if begun {
        misconceptions(catalogue, grade);
    }
    println!();
    let good = grade
        .checks
        .iter()
        .filter(|check| check.result == Outcome::Passed)
        .count();
    let all = grade.checks.len();
    if grade.passed() {
        println!("{}: solved, {all} of {all} checks passed.", exercise.name);
    } else {
        println!("{}: {good} of {all} checks passed.", exercise.name);
    }
}

fn told(what: &str) {
    for line in wrapped(what, 88) {
        println!("          {line}");
    }
}

fn printed(output: &str) {
    if output.is_empty() {
        return;
    }
    println!("          It printed:");
    for line in output.lines() {
        println!("          | {line}");
    }
}

/// What people believe who write such a thing.
fn misconceptions(catalogue: &Catalogue, grade: &Grade) {
    for name in grade.all_misconceptions() {
        if let Some(one) = catalogue.misconceptions.get(&name) {
            println!();
            paragraph("  Often believed: ", &one.belief);
            paragraph("  What is so:     ", &one.truth);
            println!("  It is shown in tutorials/{}.md. ({name})", one.chapter);
        }
    }
}

/// Prints `start` and the text, each line of which begins below the first.
fn paragraph(start: &str, text: &str) {
    let indent = start.chars().count();
    for (number, line) in wrapped(text, 98 - indent).iter().enumerate() {
        let start = if number == 0 { start } else { "" };
        println!("{start:<indent$}{line}");
    }
}

/// The next hint that the learner has not seen.
pub(crate) fn hint(exercise: &Exercise, seen: usize) {
    let hints = &exercise.about.hints;
    let number = (seen + 1).min(hints.len());
    println!();
    println!("Hint {number} of {}:", hints.len());
    if let Some(hint) = hints.get(number.saturating_sub(1)) {
        for line in wrapped(hint, 96) {
            println!("  {line}");
        }
    }
    if seen >= hints.len() {
        println!("That was the last one. `solution` shows ours.");
    }
}

/// All exercises, and how far the learner is.
pub(crate) fn list(workshop: &Workshop<'_>) -> anyhow::Result<()> {
    let mut chapter = "";
    let mut solved = 0;
    for exercise in &workshop.catalogue.exercises {
        if exercise.chapter != chapter {
            chapter = &exercise.chapter;
            println!("{chapter}");
        }
        let record = workshop.progress.of(&exercise.name);
        solved += usize::from(record.solved.is_some());
        let begun = record.checks > 0 || workshop.is_begun(exercise)?;
        println!(
            "  {:<7} {:<22} {:<16} {:>2} min  {}{}",
            state(&record, begun),
            exercise.name,
            exercise.about.kind.name(),
            exercise.about.minutes,
            exercise.about.title,
            helped(&record)
        );
    }
    println!("{solved} of {} solved", workshop.catalogue.exercises.len());
    Ok(())
}

fn state(record: &Record, begun: bool) -> &'static str {
    match (record.solved, begun) {
        (Some(_), _) => "solved",
        (None, true) => "begun",
        (None, false) => "-",
    }
}

fn helped(record: &Record) -> String {
    match (record.hints, record.saw_solution) {
        (_, true) => "  (after the solution)".to_owned(),
        (0, false) => String::new(),
        (1, false) => "  (1 hint)".to_owned(),
        (hints, false) => format!("  ({hints} hints)"),
    }
}

/// The lines of a text that are at most `width` characters wide, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a\n\nb", 7), ["a", "", "b"]);
        assert_eq!(wrapped("undividable", 4), ["undividable"]);
    }
}
