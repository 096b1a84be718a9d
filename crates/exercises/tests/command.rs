//! The command as a learner and a teacher use it, from the first start to the table of a class.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap, and so may its helpers: the panic is the report"
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A learner with a folder of his own.
struct Learner {
    folder: TempDir,
}

impl Learner {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_exercises"));
        command.arg("--folder").arg(self.folder.path());
        command.args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> (i32, String) {
        told(&self.command(arguments).output().unwrap())
    }

    /// What the command says that is started without arguments and reads `typed`.
    fn session(&self, typed: &str) -> (i32, String) {
        let mut child = self
            .command(&[])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(typed.as_bytes()).unwrap();
        drop(stdin);
        told(&child.wait_with_output().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Copies a file of the catalogue over the learner's: `solution.rs`, `wrong/kept.rs`.
    fn writes(&self, exercise: &str, file: &str) {
        fs::copy(
            folder(exercise).join(file),
            self.file(&format!("{exercise}.rs")),
        )
        .unwrap();
    }
}

fn told(output: &Output) -> (i32, String) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), text + &errors)
}

/// The folder of an exercise, whatever its number is.
fn folder(exercise: &str) -> PathBuf {
    let catalogue = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue");
    let chapters = fs::read_dir(catalogue).unwrap();
    let folders = chapters.flat_map(|chapter| fs::read_dir(chapter.unwrap().path()).unwrap());
    let mut paths = folders.map(|folder| folder.unwrap().path());
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.split_once('-')
            .is_some_and(|(_, name)| name == exercise)
    };
    paths.find(is_it).unwrap()
}

#[test]
fn a_stub_fails_and_a_solution_passes() {
    let learner = Learner::new();
    let (code, said) = learner.run(&["check", "at-once"]);
    assert_eq!(code, 1, "{said}");
    let failed = "FAILED  pages take as long as the slowest";
    assert!(said.contains(failed), "{said}");
    // It is not the learner who believes what the stub does.
    assert!(!said.contains("Often believed"), "{said}");
    assert!(!learner.file("progress.json").exists());

    learner.writes("at-once", "wrong/futures-in-a-list.rs");
    let (code, said) = learner.run(&["check", "at-once"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(failed), "{said}");
    assert!(said.contains("(call-starts-it)"), "{said}");

    learner.writes("at-once", "solution.rs");
    let (code, said) = learner.run(&["check", "at-once"]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("at-once: solved, 3 of 3 checks passed."),
        "{said}"
    );
    let (_, list) = learner.run(&["list"]);
    let line = list
        .lines()
        .find(|line| line.contains(" at-once "))
        .unwrap();
    assert!(line.trim_start().starts_with("solved"), "{line}");
}

#[test]
fn what_the_compiler_says_is_shown_with_the_path_of_the_file() {
    let learner = Learner::new();
    learner.run(&["list"]);
    fs::write(
        learner.file("at-once.rs"),
        "pub async fn fetch_all() -> u8 { \"\" }\n",
    )
    .unwrap();
    let (code, said) = learner.run(&["check", "at-once"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("error[E0308]: mismatched types"), "{said}");
    let place = format!(
        "--> {}:1:34",
        learner.file("at-once.rs").canonicalize().unwrap().display()
    );
    assert!(
        said.replace(r"\\?\", "")
            .replace('\\', "/")
            .contains(&place.replace(r"\\?\", "").replace('\\', "/")),
        "{said}"
    );
    assert!(said.contains("at-once does not compile yet."), "{said}");
}

#[test]
fn what_an_attempt_prints_is_shown_where_it_fails() {
    let learner = Learner::new();
    learner.run(&["list"]);
    let stub = fs::read_to_string(learner.file("at-once.rs")).unwrap();
    let talking = stub.replace(
        "    let mut texts",
        "    println!(\"I am here\");\n    let mut texts",
    );
    fs::write(learner.file("at-once.rs"), talking).unwrap();
    let (_, said) = learner.run(&["check", "at-once"]);
    assert!(said.contains("| I am here"), "{said}");
}

#[test]
fn a_hang_is_told_with_its_cause() {
    let learner = Learner::new();
    learner.run(&["list"]);
    learner.writes("end-of-stream", "wrong/kept.rs");
    let (code, said) = learner.run(&["check", "end-of-stream"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("HANGS   all numbers are added"), "{said}");
    let seen = "Pending forever: at 0.0 s everything waits";
    assert!(said.contains(seen), "{said}");
    assert!(said.contains("(sender-kept)"), "{said}");
}

#[test]
fn a_session_shows_the_first_exercise_its_hints_and_its_solution() {
    let learner = Learner::new();
    let (code, said) = learner.session("hint\nhint\nwhat\nlist\nquit\n");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("Exercise 1 of "), "{said}");
    assert!(
        said.contains("Hint 1 of 3:") && said.contains("Hint 2 of 3:"),
        "{said}"
    );
    assert!(said.contains("\"what\" is no command."), "{said}");
    assert!(said.contains("  (2 hints)"), "{said}");
    // The input ends without `quit`: so does the session.
    assert_eq!(learner.session("").0, 0);
}

#[test]
fn reset_brings_the_stub_back_and_keeps_what_was_there() {
    let learner = Learner::new();
    learner.writes("at-once", "solution.rs");
    assert_eq!(learner.run(&["check", "at-once"]).0, 0);
    let (code, said) = learner.run(&["reset", "at-once"]);
    assert_eq!(code, 0, "{said}");
    let stub = fs::read_to_string(folder("at-once").join("stub.rs")).unwrap();
    assert_eq!(
        fs::read_to_string(learner.file("at-once.rs")).unwrap(),
        stub
    );
    let solution = fs::read_to_string(folder("at-once").join("solution.rs")).unwrap();
    assert_eq!(
        fs::read_to_string(learner.file("at-once.rs.before")).unwrap(),
        solution
    );
    assert!(!learner.run(&["list"]).1.contains("solved  at-once"));
}

#[test]
fn a_report_says_what_the_files_show_now() {
    let learner = Learner::new();
    learner.run(&["list"]);
    learner.writes("at-once", "solution.rs");
    learner.writes("end-of-stream", "wrong/kept.rs");
    let (code, said) = learner.run(&["report", "--learner", "Ada & <Co>"]);
    assert_eq!(code, 0, "{said}");

    let json = fs::read_to_string(learner.file("report.json")).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["learner"], "Ada & <Co>");
    let of = |name: &str| {
        let exercises = json["exercises"].as_array().unwrap();
        exercises.iter().find(|one| one["name"] == name).unwrap()
    };
    assert_eq!(of("at-once")["state"], "solved");
    assert_eq!(of("end-of-stream")["state"], "begun");
    assert_eq!(of("end-of-stream")["misconceptions"]["sender-kept"], 1);

    let xml = fs::read_to_string(learner.file("report.xml")).unwrap();
    let xml = roxmltree::Document::parse(&xml).unwrap();
    assert_eq!(xml.root_element().attribute("name"), Some("Ada & <Co>"));
    let case = |name: &str| {
        let mut cases = xml
            .descendants()
            .filter(|node| node.has_tag_name("testcase"));
        cases
            .find(|case| case.attribute("name") == Some(name))
            .unwrap()
    };
    assert_eq!(case("at-once").first_element_child(), None);
    let failure = case("end-of-stream").first_element_child().unwrap();
    assert!(failure.has_tag_name("failure"));
    assert!(
        failure
            .attribute("message")
            .unwrap()
            .contains("Pending forever")
    );
}

#[test]
fn a_class_is_one_table() {
    let [ada, ben, cy] = [Learner::new(), Learner::new(), Learner::new()];
    for learner in [&ada, &ben, &cy] {
        learner.run(&["list"]);
    }
    ada.writes("at-once", "solution.rs");
    ada.writes("end-of-stream", "solution.rs");
    ben.writes("at-once", "wrong/as-they-finish.rs");
    // One hands in a report and not the folder.
    cy.writes("at-once", "wrong/as-they-finish.rs");
    cy.run(&["report", "--learner", "Cy"]);

    let places = [
        ada.folder.path(),
        ben.folder.path(),
        &cy.file("report.json"),
    ];
    let places: Vec<&str> = places.iter().map(|place| place.to_str().unwrap()).collect();
    let (code, table) = ada.run(&[&["class"], &places[..]].concat());
    assert_eq!(code, 0, "{table}");
    let line = |start: &str| {
        let mut lines = table.lines();
        lines
            .find(|line| line.starts_with(start))
            .unwrap_or_else(|| panic!("{start}: {table}"))
    };
    let words = |start: &str| {
        line(start)
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let name = |learner: &Learner| {
        let name = learner.folder.path().file_name().unwrap();
        name.to_str().unwrap().to_owned()
    };
    assert!(words(&name(&ada))[1].starts_with("2/"), "{table}");
    assert!(words(&name(&ben))[1].starts_with("0/"), "{table}");
    assert_eq!(words("at-once")[1..], ["1", "2", "0"], "{table}");
    assert!(
        line("  2  results-as-they-finish:").ends_with(&format!("({}, Cy)", name(&ben))),
        "{table}"
    );
}

/// Answers `letters` in a round of the concept inventory.
fn answers(learner: &Learner, round: &str, letters: &str) -> (i32, String) {
    let mut child = learner
        .command(&["inventory", round])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let typed: String = letters
        .chars()
        .map(|letter| format!("{letter}\n"))
        .collect();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(typed.as_bytes()).unwrap();
    drop(stdin);
    told(&child.wait_with_output().unwrap())
}

#[test]
fn the_inventory_is_answered_twice_and_compared() {
    let learner = Learner::new();
    let (code, said) = answers(&learner, "before", &"?".repeat(24));
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("--- 25 of 25 ---"), "{said}");
    assert!(said.contains("what you have answered is kept"), "{said}");
    // It goes on where it was. What was right is not told before the course.
    let (code, said) = answers(&learner, "before", "?");
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("--- 24 of 25 ---"), "{said}");
    assert!(said.contains("0 of 25 are right."), "{said}");
    assert!(!said.contains("who believes"), "{said}");

    // Somebody who knows one thing, mistypes once, and holds misconceptions otherwise.
    let right_first = "xb".to_owned() + &"a".repeat(24);
    let (code, said) = answers(&learner, "after", &right_first);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("A letter from the list, or ?"), "{said}");
    assert!(
        said.contains("Your answer is that of who believes: "),
        "{said}"
    );

    learner.run(&["report", "--learner", "Ada"]);
    let report = learner.file("report.json");
    let (_, table) = learner.run(&["class", report.to_str().unwrap()]);
    let row = table.lines().find(|line| line.ends_with("  Ada")).unwrap();
    let numbers: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(numbers[0], "0", "{table}");
    assert!(numbers[1].parse::<u32>().unwrap() >= 1, "{table}");
    assert!(table.contains("     0      1  inert"), "{table}");
}

#[test]
fn a_machine_is_examined() {
    let (code, said) = Learner::new().run(&["doctor"]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("compiled and checked without the network"),
        "{said}"
    );
    assert!(said.ends_with("This machine is ready.\n"), "{said}");
}

#[test]
fn mistakes_are_one_line() {
    let learner = Learner::new();
    for (arguments, said) in [
        (&["dance"][..], "\"dance\" is no command; --help lists them"),
        (
            &["check"],
            "check needs the name of an exercise; `list` lists them",
        ),
        (
            &["check", "at-onc"],
            "there is no exercise \"at-onc\"; is it at-once?",
        ),
        (
            &["check", "zzz"],
            "there is no exercise \"zzz\"; `cargo run -p exercises -- list` lists them",
        ),
        (
            &["--colour"],
            "invalid option '--colour'; --help lists what there is",
        ),
        (&["class"], "class needs the reports or folders of learners"),
        (&["class", "Cargo.toml"], "Cargo.toml is no report"),
    ] {
        let (code, text) = learner.run(arguments);
        assert_eq!(code, 2, "{arguments:?}: {text}");
        assert!(text.contains(said), "{arguments:?}: {text}");
        assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
    }
}

#[test]
fn a_damaged_progress_file_is_told() {
    let learner = Learner::new();
    learner.run(&["list"]);
    fs::write(learner.file("progress.json"), "{").unwrap();
    let (code, said) = learner.run(&["list"]);
    assert_eq!(code, 2);
    assert!(said.contains("delete it to begin anew"), "{said}");
}

#[test]
fn an_exercise_is_proved() {
    let (code, said) = Learner::new().run(&["verify", "at-once"]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains(
            "1 stubs fail, 2 solutions pass, 2 wrong attempts are rejected by name; 0 problems"
        ),
        "{said}"
    );
}
