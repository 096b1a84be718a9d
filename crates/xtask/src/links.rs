//! Links: each leads somewhere.

use std::collections::BTreeMap;

use crate::findings::{Findings, Problem};
use crate::markdown::Document;
use crate::project::Project;

const SUMMARY: &str = "tutorials/SUMMARY.md";

/// Whether a target is another machine's, which is not asked.
pub(crate) fn is_remote(target: &str) -> bool {
    ["http://", "https://", "mailto:"]
        .iter()
        .any(|scheme| target.starts_with(scheme))
}

/// The path from the repository root that a target in `document` names. `None` if it leads out of
/// the repository.
pub(crate) fn resolve(document: &str, target: &str) -> Option<String> {
    let target = target.replace("%20", " ");
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Checks the links of all chapters. `all` are those that links may lead to.
#[must_use]
pub fn check(project: &Project, documents: &[Document], all: &[Document]) -> Findings {
    let anchors: BTreeMap<&str, Vec<String>> = all
        .iter()
        .map(|document| (document.path.as_str(), document.anchors()))
        .collect();
    let mut findings = Findings::default();
    for document in documents {
        for link in &document.broken_references {
            let message = format!("the reference [{}] is defined nowhere", link.target);
            let problem = Problem::new(&document.path, link.line, message);
            findings.problems.push(problem);
        }
        for link in &document.links {
            if is_remote(&link.target) {
                continue;
            }
            findings.checked += 1;
            if let Err(message) = follow(project, &document.path, &link.target, &anchors) {
                let problem = Problem::new(&document.path, link.line, message);
                findings.problems.push(problem);
            }
        }
    }
    findings
}

fn follow(
    project: &Project,
    from: &str,
    target: &str,
    anchors: &BTreeMap<&str, Vec<String>>,
) -> Result<(), String> {
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (target, None),
    };
    if path.starts_with('/') {
        return Err(format!("{target}: links are relative to the chapter"));
    }
    let path = if path.is_empty() {
        from.to_owned()
    } else {
        resolve(from, path).ok_or_else(|| format!("{target} leads out of the repository"))?
    };
    if !project.root.join(&path).exists() {
        return Err(format!("{target}: there is no {path}"));
    }
    let Some(anchor) = anchor else { return Ok(()) };
    if let Some(anchors) = anchors.get(path.as_str()) {
        if anchors.iter().any(|known| known == anchor) {
            return Ok(());
        }
        return Err(format!("{target}: {path} has no heading for #{anchor}"));
    }
    // Places of other files are lines, which move whenever somebody edits above them.
    Err(format!(
        "{target}: name the function instead of a line, which moves"
    ))
}

/// Checks that the table of contents names every chapter once, and that every lesson is run by a
/// chapter and has a Python twin.
#[must_use]
pub fn check_completeness(project: &Project, documents: &[Document]) -> Findings {
    let mut findings = Findings::default();
    let mut wrong = |file: &str, message: String| {
        findings.problems.push(Problem::new(file, 1, message));
    };
    match documents.iter().find(|document| document.path == SUMMARY) {
        None => wrong(SUMMARY, "the table of contents is missing".to_owned()),
        Some(summary) => {
            let named = summary.links.iter();
            let named: Vec<_> = named
                .filter_map(|link| resolve(SUMMARY, &link.target))
                .collect();
            for document in documents {
                let path = document.path.as_str();
                let is_chapter = path.starts_with("tutorials/") && path != SUMMARY;
                let times = named.iter().filter(|named| *named == path).count();
                if is_chapter && times != 1 {
                    wrong(SUMMARY, format!("names {path} {times} times, not once"));
                }
            }
        }
    }
    let text: String = documents
        .iter()
        .map(|document| document.text.as_str())
        .collect();
    for lesson in project.lessons() {
        let manifest = format!("{}/Cargo.toml", lesson.folder);
        if lesson.program.is_none() {
            let message = "`cargo run` cannot choose between its programs: say `default-run`";
            wrong(&manifest, message.to_owned());
        }
        if !runs(&text, &lesson.name) {
            wrong(
                &manifest,
                format!("no chapter says `cargo run -p {}`", lesson.name),
            );
        }
        let twin = lesson.twin();
        if !project.root.join(&twin).exists() {
            wrong(&manifest, format!("its Python twin is missing: {twin}"));
        }
    }
    findings.checked = documents.len() + project.lessons().count();
    findings
}

/// Whether the text has the command that runs a package, and not one with a longer name.
fn runs(text: &str, package: &str) -> bool {
    let command = format!("cargo run -p {package}");
    text.match_indices(&command).any(|(at, _)| {
        let after = text[at + command.len()..].chars().next();
        !after.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_relative_to_their_chapter() {
        let resolve = |target| resolve("tutorials/reference/a.md", target);
        assert_eq!(resolve("b.md").as_deref(), Some("tutorials/reference/b.md"));
        assert_eq!(resolve("../03.md").as_deref(), Some("tutorials/03.md"));
        assert_eq!(resolve("../../README.md").as_deref(), Some("README.md"));
        assert_eq!(resolve("../../../x"), None);
    }

    #[test]
    fn a_package_is_not_run_by_the_command_for_another() {
        assert!(runs("`cargo run -p gather`", "gather"));
        assert!(runs("cargo run -p gather -- x", "gather"));
        assert!(!runs("cargo run -p gather-all", "gather"));
    }
}
