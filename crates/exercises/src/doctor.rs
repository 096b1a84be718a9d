//! Whether a machine is ready for a class: everything is there that the network would have to
//! bring, and what exercises need works.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Instant, SystemTime};

use anyhow::Result;

use crate::catalogue::{Catalogue, Exercise, read};
use crate::compile::{Bench, Variant};
use crate::grade;

/// Examines this machine and prints what it finds. Whether everything that is needed is there.
pub(crate) fn examine(catalogue: &Catalogue, scratch: &Path) -> bool {
    let mut ready = true;
    let mut say = |good: bool, what: &str| {
        println!("{}  {what}", if good { "ok     " } else { "MISSING" });
        ready &= good;
    };
    match version("rustc") {
        Some(version) => say(true, &version),
        None => say(false, "rustc: install Rust from https://rustup.rs"),
    }
    // The exercises are compiled without the network, from what this command was compiled from.
    if let Some(exercise) = catalogue.exercises.first() {
        // The first time may compile what all exercises share.
        let graded = [1, 2].map(|_| compile_and_check(catalogue, exercise, scratch));
        match &graded[1] {
            Ok(Some(time)) => say(
                true,
                &format!("an exercise is compiled and checked without the network, in {time:.1} s"),
            ),
            Ok(None) => say(
                false,
                "a solution does not pass: is this repository changed?",
            ),
            Err(error) => say(
                false,
                &format!(
                    "compiling without the network: {error:#}; run `cargo fetch` while there is one"
                ),
            ),
        }
    }
    match TcpListener::bind("127.0.0.1:0") {
        Ok(_) => say(true, "a server can listen on 127.0.0.1"),
        Err(error) => say(false, &format!("listening on 127.0.0.1: {error}")),
    }
    // Only the comparison with Python needs it.
    let python = version("python3").or_else(|| version("python"));
    println!(
        "{}",
        python.map_or(
            "optional  Python 3.11 or later, to run the twins".to_owned(),
            |found| format!("ok       {found}")
        )
    );
    println!(
        "{}",
        if ready {
            "This machine is ready."
        } else {
            "This machine is not ready."
        }
    );
    ready
}

/// How many seconds it takes to compile and check a solution that the compiler has not seen yet;
/// nothing, if it does not pass.
fn compile_and_check(
    catalogue: &Catalogue,
    exercise: &Exercise,
    scratch: &Path,
) -> Result<Option<f64>> {
    let started = Instant::now();
    fs::create_dir_all(scratch)?;
    let file = scratch.join("attempt.rs");
    let now = SystemTime::now();
    let solution = read(&exercise.solution())?;
    fs::write(&file, format!("// Written at {now:?}.\n{solution}"))?;
    let name = exercise.name.clone();
    let variant = Variant::of(exercise, name.clone(), file);
    let bench = Bench::prepare(catalogue, scratch, &[variant])?;
    let mut compiled = bench.compile(std::slice::from_ref(&name), false)?;
    let grade = grade::grade(exercise, &compiled.remove(&name).unwrap_or_default())?;
    Ok(grade.passed().then(|| started.elapsed().as_secs_f64()))
}

fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
