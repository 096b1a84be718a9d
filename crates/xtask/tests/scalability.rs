//! The checklist of chapter 26 says nothing that no test proves.
//!
//! An item begins with its number and its rule, `**7. …**`, and has three bullets: what happens
//! *Otherwise*, what is done *In Python*, and the *Proof*: links to chapters, or the word *above*
//! for chapter 26 itself; then, after semicolons, commands that are replayed in one of them, and
//! names of tests with their package:
//! ``- *Proof:* [18](18-queues.md); `cargo run -p queues -- cycle`; `a_test` and `another` of `queues` ``.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap, and so may its helpers: the panic is the report"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;
use xtask::Project;

const CHAPTER: &str = "tutorials/26-best-practices.md";

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

/// What a proof can refer to.
#[derive(Default)]
struct Evidence {
    /// Name of the file, and text.
    chapters: BTreeMap<String, String>,
    /// By package, the functions that are tests.
    tests: BTreeMap<String, BTreeSet<String>>,
}

impl Evidence {
    fn of(project: &Project) -> Self {
        let mut evidence = Self::default();
        for chapter in xtask::tutorials::chapters(project).unwrap() {
            let name = chapter.path.trim_start_matches("tutorials/").to_owned();
            evidence.chapters.insert(name, chapter.text);
        }
        for package in &project.packages {
            let of_package = evidence.tests.entry(package.name.clone()).or_default();
            for folder in ["src", "tests"] {
                let folder = project.root.join(&package.folder).join(folder);
                each_source(&folder, &mut |text| of_package.extend(tests_in(text)));
            }
        }
        evidence
    }
}

fn each_source(folder: &Path, see: &mut impl FnMut(&str)) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            each_source(&path, see);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            see(&fs::read_to_string(path).unwrap());
        }
    }
}

/// The functions of a source file with an attribute such as `#[test]` or `#[tokio::test(…)]`.
fn tests_in(text: &str) -> Vec<String> {
    // Made once: in a debug build that takes longer than all the searching.
    static ATTRIBUTE: LazyLock<Regex> = LazyLock::new(|| regex(r"^\s*#\[(?:\w+::)*test\b"));
    static FUNCTION: LazyLock<Regex> =
        LazyLock::new(|| regex(r"^\s*(?:pub(?:\(crate\))? )?(?:async )?fn (\w+)"));
    let mut found = Vec::new();
    let mut is_test = false;
    for line in text.lines() {
        if ATTRIBUTE.is_match(line) {
            is_test = true;
        } else if let Some(captures) = FUNCTION.captures(line) {
            if is_test {
                found.push(captures[1].to_owned());
            }
            is_test = false;
        }
    }
    found
}

/// What is wrong with the items of a chapter, and how many there are.
fn check(text: &str, evidence: &Evidence) -> (usize, Vec<String>) {
    let rule = regex(r"^\*\*(\d+)\. .*\*\*");
    let mut broken = Vec::new();
    let mut items = 0;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(number) = rule.captures(line).map(|captures| captures[1].to_owned()) else {
            if line.starts_with("- *Proof:*") {
                broken.push(format!("a proof of nothing: {line}"));
            }
            continue;
        };
        items += 1;
        if number != items.to_string() {
            broken.push(format!("item {number} is the {items}. one"));
        }
        let mut bullets = Vec::new();
        while let Some(line) = lines.next_if(|line| !rule.is_match(line) && !line.starts_with('#'))
        {
            bullets.extend(line.strip_prefix("- *").map(str::to_owned));
        }
        let begins: Vec<_> = bullets
            .iter()
            .filter_map(|line| line.split('*').next())
            .collect();
        if begins != ["Otherwise:", "In Python:", "Proof:"] {
            broken.push(format!("item {number} has the bullets {begins:?}"));
        }
        for proof in bullets.iter().filter(|line| line.starts_with("Proof:")) {
            let wrong = check_proof(proof, evidence).into_iter();
            broken.extend(wrong.map(|wrong| format!("item {number}: {wrong}")));
        }
    }
    (items, broken)
}

fn check_proof(proof: &str, evidence: &Evidence) -> Vec<String> {
    let link = regex(r"\]\(([^)#]+)(?:#[^)]*)?\)");
    let quoted = regex("`([^`]+)`");
    let mut broken = Vec::new();
    let mut cited = Vec::new();
    for captures in link.captures_iter(proof) {
        match evidence.chapters.get(&captures[1]) {
            Some(text) => cited.push(text),
            None => broken.push(format!("no chapter {}", &captures[1])),
        }
    }
    if proof
        .split("; ")
        .next()
        .is_some_and(|first| first.contains(" above"))
    {
        cited.extend(
            evidence
                .chapters
                .get(CHAPTER.trim_start_matches("tutorials/")),
        );
    }
    if cited.is_empty() {
        broken.push("names no chapter".to_owned());
    }
    let mut tests = 0;
    for clause in proof.trim_end_matches('.').split("; ").skip(1) {
        let words = quoted
            .captures_iter(clause)
            .map(|captures| captures[1].to_owned());
        let words: Vec<String> = words.collect();
        let is_command =
            |word: &&String| word.starts_with("cargo ") || word.starts_with("python3 ");
        if let Some(command) = words.iter().find(is_command) {
            let shown = format!("$ {command}");
            let is_shown = |text: &&&String| text.lines().any(|line| line.trim() == shown);
            if !cited.iter().any(|text| is_shown(&text)) {
                broken.push(format!("replayed in none of its chapters: {command}"));
            }
            continue;
        }
        let Some((package, names)) = words.split_last() else {
            broken.push(format!("neither a command nor tests: {clause}"));
            continue;
        };
        let ending = format!(" of `{package}`");
        let Some(known) = evidence
            .tests
            .get(package)
            .filter(|_| clause.ends_with(&ending))
        else {
            broken.push(format!("no package: {clause}"));
            continue;
        };
        let is_about = |text: &&String| text.contains(&format!("crates/{package}/"));
        if !cited.iter().any(is_about) {
            broken.push(format!("none of its chapters shows {package}"));
        }
        tests += names.len();
        let unknown = names.iter().filter(|name| !known.contains(*name));
        broken.extend(unknown.map(|name| format!("no test {name} in {package}")));
    }
    if tests == 0 {
        broken.push("names no test".to_owned());
    }
    broken
}

#[test]
fn every_item_is_proved() {
    let project = Project::this().unwrap();
    let text = project.read(CHAPTER).unwrap();
    let (items, broken) = check(&text, &Evidence::of(&project));
    assert!(broken.is_empty(), "{CHAPTER}:\n  {}\n", broken.join("\n  "));
    assert!(items > 20, "{items} items");
}

const EXAMPLE: &str = "\
## Inside

**1. Put a bound on it.** Why.

- *Otherwise:* it grows.
- *In Python:* `Queue(5)`.
- *Proof:* [18](18-queues.md#modify); `cargo run -p queues -- full`; `it_is_bounded` and `it_waits` of `queues`.

## Remember
";

fn example() -> Evidence {
    let source = "\
        #[test]\nfn it_is_bounded() {}\n\n\
        /// Why.\n#[tokio::test(\n    start_paused = true\n)]\n// And more.\nasync fn it_waits() {}\n\n\
        fn a_helper() {}\n";
    let tests = BTreeSet::from_iter(tests_in(source));
    let chapter = "```console\n$ cargo run -p queues -- full\n```\n// crates/queues/src/main.rs\n";
    Evidence {
        chapters: BTreeMap::from([("18-queues.md".to_owned(), chapter.to_owned())]),
        tests: BTreeMap::from([("queues".to_owned(), tests)]),
    }
}

#[test]
fn a_function_below_a_test_attribute_is_a_test() {
    let tests = &example().tests["queues"];
    assert_eq!(Vec::from_iter(tests), ["it_is_bounded", "it_waits"]);
}

#[test]
fn a_proof_that_holds_is_no_problem() {
    assert_eq!(check(EXAMPLE, &example()), (1, Vec::new()));
}

#[test]
fn what_a_proof_names_must_exist() {
    for (right, wrong, said) in [
        (
            "it_waits",
            "it_weights",
            "item 1: no test it_weights in queues",
        ),
        ("it_waits", "a_helper", "item 1: no test a_helper in queues"),
        (
            "of `queues`",
            "of `cues`",
            "item 1: no package: `it_is_bounded` and `it_waits` of `cues`.",
        ),
        (
            "18-queues.md#",
            "18-cues.md#",
            "item 1: no chapter 18-cues.md",
        ),
        (
            "-- full",
            "-- empty",
            "item 1: replayed in none of its chapters: cargo run -p queues -- empty",
        ),
        (
            "; `it_is_bounded` and `it_waits` of `queues`",
            "",
            "item 1: names no test",
        ),
        ("**1.", "**2.", "item 2 is the 1. one"),
        (
            "- *In Python:* `Queue(5)`.\n",
            "",
            "item 1 has the bullets [\"Otherwise:\", \"Proof:\"]",
        ),
    ] {
        let text = EXAMPLE.replace(right, wrong);
        let (_, broken) = check(&text, &example());
        let said = said.trim_end_matches('.');
        assert!(broken.iter().any(|it| it == said), "{said}: {broken:?}");
    }
}
