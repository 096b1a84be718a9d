//! Every claim of the README and of the chapters is true.
//!
//! A failure names file and line. `cargo xtask tutorials --write` rewrites what a machine can.

#![expect(
    clippy::unwrap_used,
    reason = "a test may unwrap, and so may its helpers: the panic is the report"
)]

use std::sync::OnceLock;

use xtask::replay::Options;
use xtask::tutorials::{self, Kind};
use xtask::{Document, Project};

fn all_are_true(kind: Kind) {
    static PROJECT: OnceLock<(Project, Vec<Document>)> = OnceLock::new();
    let (project, documents) = PROJECT.get_or_init(|| {
        let project = Project::this().unwrap();
        let documents = tutorials::documents(&project).unwrap();
        (project, documents)
    });
    let findings = tutorials::check(project, kind, documents, documents, Options::default());
    assert!(findings.problems.is_empty(), "\n\n{findings}");
}

#[test]
fn code_stands_in_the_file_that_its_block_names() {
    all_are_true(Kind::Code);
}

#[test]
fn commands_print_what_is_shown() {
    all_are_true(Kind::Console);
}

#[test]
fn pictures_are_what_their_commands_draw() {
    all_are_true(Kind::Pictures);
}

#[test]
fn links_lead_somewhere_and_nothing_is_left_out() {
    all_are_true(Kind::Links);
}

#[test]
fn questions_have_answers() {
    all_are_true(Kind::Form);
}
