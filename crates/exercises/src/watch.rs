//! `cargo run -p exercises`: the next exercise, checked each time it is saved.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::Result;

use crate::catalogue::Exercise;
use crate::say;
use crate::workshop::Workshop;

/// How often the file is looked at. A file system that reports changes is not needed, and not
/// every shared folder does.
const GLANCE: Duration = Duration::from_millis(150);

const COMMANDS: &str =
    "Save the file to check it. Or type: hint, list, next, check, solution, reset, quit";

/// Follows the learner until he quits, or everything is solved.
///
/// # Errors
///
/// If files cannot be read or written, or cargo cannot be run.
pub(crate) fn watch(workshop: &mut Workshop<'_>) -> Result<()> {
    let typed = lines_typed();
    let Some(mut exercise) = workshop.next() else {
        println!("All exercises are solved. `list` shows them, `report` writes the report.");
        return Ok(());
    };
    begin(workshop, exercise);
    let mut seen = changed(workshop, exercise);
    let mut solved = check(workshop, exercise)?;
    loop {
        prompt();
        let Some(word) = command(&typed, || changed(workshop, exercise), &mut seen) else {
            return Ok(());
        };
        match word.trim() {
            "check" | "c" => {
                solved = check(workshop, exercise)?;
            }
            "" if !solved => {
                solved = check(workshop, exercise)?;
            }
            "next" | "n" | "" => {
                let Some(next) = following(workshop, exercise) else {
                    println!("All exercises are solved.");
                    return Ok(());
                };
                exercise = next;
                begin(workshop, exercise);
                seen = changed(workshop, exercise);
                solved = check(workshop, exercise)?;
            }
            "hint" | "h" => {
                hint(workshop, exercise)?;
            }
            "list" | "l" => say::list(workshop)?,
            "solution" | "s" => solution(workshop, exercise)?,
            "reset" => {
                let before = workshop.reset(exercise)?;
                println!("The stub is back. What you had is in {}.", before.display());
                seen = changed(workshop, exercise);
            }
            "quit" | "q" => return Ok(()),
            other => println!("{other:?} is no command. {COMMANDS}"),
        }
    }
}

/// What is typed next, or `check` once the file is saved; nothing, if the input has ended: Ctrl-D,
/// or a script that has said all it had to say.
fn command(
    typed: &Receiver<String>,
    changed: impl Fn() -> Option<SystemTime>,
    seen: &mut Option<SystemTime>,
) -> Option<String> {
    loop {
        match typed.recv_timeout(GLANCE) {
            Ok(line) => return Some(line),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {
                let now = changed();
                // Some editors remove the file before they write it.
                if now.is_some() && now != *seen {
                    *seen = now;
                    println!();
                    return Some("check".to_owned());
                }
            }
        }
    }
}

/// Says the next hint, and notes it.
///
/// # Errors
///
/// If the progress cannot be written.
pub(crate) fn hint(workshop: &mut Workshop<'_>, exercise: &Exercise) -> Result<()> {
    let seen = workshop.progress.of(&exercise.name).hints;
    say::hint(exercise, seen);
    let record = workshop.progress.change(&exercise.name);
    record.hints = (seen + 1).min(exercise.about.hints.len());
    workshop.progress.save()
}

/// Shows our solution, and notes that it was seen before the exercise was solved.
///
/// # Errors
///
/// If it cannot be read, or the progress cannot be written.
pub(crate) fn solution(workshop: &mut Workshop<'_>, exercise: &Exercise) -> Result<()> {
    println!();
    println!(
        "{}",
        crate::catalogue::read(&exercise.solution())?.trim_end()
    );
    let record = workshop.progress.change(&exercise.name);
    record.saw_solution |= record.solved.is_none();
    workshop.progress.save()
}

fn begin(workshop: &Workshop<'_>, exercise: &Exercise) {
    say::exercise(workshop, exercise);
}

fn check(workshop: &mut Workshop<'_>, exercise: &Exercise) -> Result<bool> {
    println!("  checking …");
    let grade = workshop.check(exercise, io::stdout().is_terminal())?;
    let begun = workshop.is_begun(exercise)?;
    say::grade(workshop.catalogue, exercise, &grade, begun);
    if grade.passed() {
        println!("`next` goes on; `solution` compares with ours.");
    } else {
        println!("{COMMANDS}");
    }
    Ok(grade.passed())
}

/// The next unsolved exercise after this one, or from the beginning.
fn following<'a>(workshop: &Workshop<'a>, exercise: &Exercise) -> Option<&'a Exercise> {
    let all = &workshop.catalogue.exercises;
    let here = all.iter().position(|one| one.name == exercise.name)?;
    let (before, after) = all.split_at(here + 1);
    let mut others = after.iter().chain(before);
    others.find(|one| workshop.progress.of(&one.name).solved.is_none())
}

fn changed(workshop: &Workshop<'_>, exercise: &Exercise) -> Option<SystemTime> {
    let file = workshop.file(exercise).metadata().ok()?;
    file.modified().ok()
}

fn prompt() {
    print!("> ");
    // A terminal that is gone is noticed when its input ends.
    let _ = io::stdout().flush();
}

/// What is typed, line by line. A thread reads it: the file is looked at meanwhile.
fn lines_typed() -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
