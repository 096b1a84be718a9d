//! The rules of the house. What a rule is for stands at its test.

#![expect(
    clippy::unwrap_used,
    reason = "a test may unwrap, and so may its helpers: the panic is the report"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use regex::Regex;
use toml::{Table, Value};
use xtask::tutorials;
use xtask::{Package, Project};

/// Lessons that use another lesson, and what that teaches.
const USES_OTHER_LESSON: [(&str, &str, &str); 1] = [(
    "database",
    "frameworks",
    "the same service passes the same HTTP suite",
)];

const SQLX: &str = "sqlx-core 0.9 uses an earlier version than sqlx-postgres, rcgen or indexmap";

/// Crates of which two versions are compiled, and why there is no way around it.
const TWO_VERSIONS: [(&str, &str); 11] = [
    ("base64", SQLX),
    ("block-buffer", SQLX),
    ("cpufeatures", SQLX),
    ("crypto-common", SQLX),
    ("digest", SQLX),
    (
        "flume",
        "rumqttc 0.25 uses version 0.11, sqlx-sqlite a later one",
    ),
    (
        "getrandom",
        "ring 0.17 uses version 0.2, tempfile a later one",
    ),
    ("hashbrown", SQLX),
    ("sha2", SQLX),
    (
        "syn",
        "tracing-attributes and pin-project-internal use version 2, tokio-macros a later one",
    ),
    (
        "windows-sys",
        "ring 0.17 uses version 0.52, tokio a later one",
    ),
];

fn project() -> Project {
    Project::this().unwrap()
}

fn root() -> PathBuf {
    project().root
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn manifest(package: &Package) -> Table {
    read(&format!("{}/Cargo.toml", package.folder))
        .parse()
        .unwrap()
}

/// Fails with one line for each thing that breaks the rule.
fn holds(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}\n", broken.join("\n  "));
}

/// The dependencies in every table of a manifest, with the table's name.
fn dependencies(manifest: &Table) -> Vec<(String, String, Value)> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flatten();
    let tables = targets.filter_map(|(_, target)| target.as_table());
    let mut found = Vec::new();
    for table in tables.chain([manifest]) {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let all = table
                .get(kind)
                .and_then(Value::as_table)
                .into_iter()
                .flatten();
            found.extend(all.map(|(name, value)| (kind.to_owned(), name.clone(), value.clone())));
        }
    }
    found
}

/// Otherwise a lint that the workspace declares is not applied, and nobody notices.
#[test]
fn every_package_inherits_lints_and_keys() {
    let inherited = Value::Table(Table::from_iter([("workspace".to_owned(), true.into())]));
    let mut broken = Vec::new();
    for package in project().packages {
        let manifest = manifest(&package);
        if manifest.get("lints") != Some(&inherited) {
            broken.push(format!("{}: [lints] workspace = true", package.folder));
        }
        for key in ["edition", "rust-version", "license", "publish"] {
            let value = manifest.get("package").and_then(|table| table.get(key));
            if value != Some(&inherited) {
                broken.push(format!("{}: {key}.workspace = true", package.folder));
            }
        }
    }
    holds("every Cargo.toml inherits from the workspace", &broken);
}

/// One place to upgrade from, and one version of everything.
#[test]
fn versions_stand_in_the_root_manifest_alone() {
    let mut broken = Vec::new();
    for package in project().packages {
        for (kind, name, value) in dependencies(&manifest(&package)) {
            let inherits = value.get("workspace") == Some(&Value::Boolean(true));
            if !inherits {
                broken.push(format!("{}: {name} in [{kind}]", package.folder));
            }
        }
    }
    holds("every dependency says `workspace = true`", &broken);
}

/// What `cargo tree` lists with these arguments: `name v1.2.3`, each once.
fn tree(arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["tree", "--prefix", "none", "--no-dedupe", "--format", "{p}"])
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let crates = lines.lines().filter(|line| !line.is_empty());
    let short = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    crates.map(short).collect()
}

/// The crates of which the whole workspace uses several versions.
fn several_versions() -> BTreeMap<String, Vec<String>> {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in tree(&["--workspace", "-e", "normal,build,dev"]) {
        let (name, version) = one.split_once(' ').unwrap();
        let of_name = versions.entry(name.to_owned()).or_default();
        of_name.push(version.to_owned());
    }
    assert!(versions.len() > 20, "cargo tree says nothing: {versions:?}");
    versions.retain(|_, versions| versions.len() > 1);
    versions
}

/// A second version is compiled by every learner, and its types are not those of the first.
#[test]
fn one_version_of_each_crate_is_compiled() {
    let mut several = several_versions();
    several.retain(|name, _| !TWO_VERSIONS.iter().any(|(excused, _)| excused == name));
    let broken: Vec<String> = several
        .iter()
        .map(|(name, versions)| format!("{name} {}", versions.join(", ")))
        .collect();
    holds("one version of each crate", &broken);
}

/// An excuse that is no longer needed would hide the next case. The lock file knows every platform.
#[test]
fn what_excuses_two_versions_is_still_so() {
    let lock: Table = read("Cargo.lock").parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    let versions = |name: &str| {
        let named = packages
            .iter()
            .filter(|package| package["name"].as_str() == Some(name));
        named.count()
    };
    let gone = TWO_VERSIONS.iter().filter(|(name, _)| versions(name) < 2);
    let gone: Vec<String> = gone.map(|(name, why)| format!("{name}: {why}")).collect();
    holds("two versions are locked of what is excused", &gone);
}

/// A learner reads one lesson at a time.
#[test]
fn lessons_do_not_use_other_lessons() {
    let project = project();
    let lessons: BTreeSet<String> = project.lessons().map(|one| one.name.clone()).collect();
    let mut broken = Vec::new();
    for lesson in project.lessons() {
        for (_, name, _) in dependencies(&manifest(lesson)) {
            let excused = USES_OTHER_LESSON
                .iter()
                .any(|(a, b, _)| (*a, *b) == (lesson.name.as_str(), name.as_str()));
            if lessons.contains(&name) && !excused {
                broken.push(format!("{} uses {name}", lesson.name));
            }
        }
    }
    holds("a lesson uses no other lesson", &broken);
}

/// Who opens the repository sees at once what there is.
#[test]
fn the_top_level_is_tidy() {
    const ALLOWED: [&str; 8] = [
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "crates",
        "justfile",
        "target",
        "tutorials",
    ];
    let entries = fs::read_dir(root()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let broken: Vec<String> = names
        .filter(|name| !name.starts_with('.') && !ALLOWED.contains(&name.as_str()))
        .collect();
    holds("the top level holds what is known", &broken);
}

/// Both tables of the chapters are written by hand, for two kinds of readers.
#[test]
fn the_tables_name_every_chapter() {
    let chapters = tutorials::chapters(&project()).unwrap();
    assert!(chapters.len() > 10);
    let tables = [("README.md", "tutorials/"), ("tutorials/README.md", "")];
    let mut broken = Vec::new();
    for (table, folder) in tables {
        let text = read(table);
        for chapter in &chapters {
            let name = chapter.path.trim_start_matches("tutorials/");
            let link = format!("]({folder}{name}) |");
            if !text.contains(&link) {
                broken.push(format!("{table} has no row for {name}"));
            }
        }
    }
    holds("the tables name every chapter", &broken);
}

/// Otherwise its `--help` shows a command that does not run it.
#[test]
fn second_programs_name_their_package() {
    let mut broken = Vec::new();
    for package in project().packages {
        let folder = root().join(&package.folder).join("src/bin");
        let Ok(entries) = fs::read_dir(folder) else {
            continue;
        };
        for entry in entries {
            let mut file = entry.unwrap().path();
            if file.is_dir() {
                file.push("main.rs");
            }
            let text = fs::read_to_string(&file).unwrap();
            let named = format!(".package(\"{}\")", package.name);
            if text.contains("Stage::new") && !text.contains(&named) {
                broken.push(format!("{}: {named}", file.display()));
            }
        }
    }
    holds("a second program names its package", &broken);
}

/// The first thing that a learner waits for.
#[test]
fn the_gather_lesson_compiles_few_crates() {
    let crates = tree(&["-p", "gather", "-e", "normal,build"]);
    assert!(crates.len() > 3, "cargo tree says nothing: {crates:?}");
    assert!(crates.len() <= 24, "{} crates: {crates:#?}", crates.len());
}

/// A chapter is read on other machines, and is finished.
#[test]
fn chapters_name_no_machine_and_leave_nothing_to_do() {
    let machine =
        Regex::new(r"(^|[^\w.])/(home|root|Users|tmp)/\w|[A-Z]:\\Users|\b(TODO|FIXME|XXX)\b");
    let machine = machine.unwrap();
    let mut broken = Vec::new();
    for document in tutorials::documents(&project()).unwrap() {
        for (index, line) in document.text.lines().enumerate() {
            if machine.is_match(line) {
                broken.push(format!("{}:{}: {}", document.path, index + 1, line.trim()));
            }
        }
    }
    holds(
        "no path of one machine and nothing to do in a chapter",
        &broken,
    );
}

/// `just` is a convenience. Who does not have it loses nothing.
#[test]
fn each_just_recipe_is_one_command_of_cargo() {
    let Ok(justfile) = fs::read_to_string(root().join("justfile")) else {
        return;
    };
    holds(
        "one line of cargo for each recipe",
        &strange_recipes(&justfile),
    );
}

fn strange_recipes(justfile: &str) -> Vec<String> {
    let mut strange = Vec::new();
    let mut recipe = String::new();
    let mut lines = 0;
    for line in justfile.lines() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if !line.starts_with([' ', '\t']) {
            line.clone_into(&mut recipe);
            lines = 0;
            continue;
        }
        lines += 1;
        let command = line.trim().trim_start_matches('@');
        let is_known = command.starts_with("cargo ") || command == "just --list";
        if !is_known || lines > 1 {
            strange.push(format!("{recipe} {command}"));
        }
    }
    strange
}

#[test]
fn a_strange_recipe_is_found() {
    let justfile = "# All\ntest:\n    cargo test\n\ndefault:\n    @just --list\n";
    assert!(strange_recipes(justfile).is_empty());
    assert_eq!(
        strange_recipes("a b:\n    rm -r {{b}}\n"),
        ["a b: rm -r {{b}}"]
    );
    let two = "a:\n    cargo build\n    cargo test\n";
    assert_eq!(strange_recipes(two), ["a: cargo test"]);
}
