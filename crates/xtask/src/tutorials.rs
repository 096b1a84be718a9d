//! Every claim of the README and of the chapters.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::findings::{Findings, Mend};
use crate::markdown::Document;
use crate::project::{Project, slashes};
use crate::replay::{Options, Part};
use crate::{code, experiment, form, links, parallel, picture, replay};

/// A kind of claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Code stands in the file that it names.
    Code,
    /// Commands print what is shown, also after the changes that a chapter asks for.
    Console,
    /// Pictures are what their commands draw.
    Pictures,
    /// Links lead somewhere, and nothing is left out.
    Links,
    /// Questions have answers.
    Form,
}

impl Kind {
    /// All of them, the quick ones first.
    pub const ALL: [Self; 5] = [
        Self::Code,
        Self::Form,
        Self::Links,
        Self::Pictures,
        Self::Console,
    ];

    /// What is counted.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Code => "code blocks",
            Self::Console => "commands and changes",
            Self::Pictures => "pictures",
            Self::Links => "links",
            Self::Form => "questions",
        }
    }
}

/// The README and all chapters, in order.
///
/// # Errors
///
/// If a file cannot be read.
pub fn documents(project: &Project) -> Result<Vec<Document>, String> {
    let mut paths = Vec::new();
    let readme = project.root.join("README.md");
    if readme.exists() {
        paths.push(readme);
    }
    let tutorials = project.root.join("tutorials");
    if tutorials.exists() {
        find_markdown(&tutorials, &mut paths)?;
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Ok(Document::parse(slashes(&project.root, &path), text))
    };
    paths.into_iter().map(read).collect()
}

/// The chapters: the files of `tutorials/` whose names begin with a number.
///
/// # Errors
///
/// If one cannot be read.
pub fn chapters(project: &Project) -> Result<Vec<Document>, String> {
    let mut all = documents(project)?;
    all.retain(|document| {
        let name = document.path.strip_prefix("tutorials/").unwrap_or_default();
        name.starts_with(|character: char| character.is_ascii_digit())
    });
    Ok(all)
}

fn find_markdown(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), String> {
    let unreadable = |error| format!("cannot read {}: {error}", folder.display());
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            find_markdown(&entry, paths)?;
        } else if entry.extension().is_some_and(|extension| extension == "md") {
            paths.push(entry);
        }
    }
    Ok(())
}

/// Checks the claims of one kind in `some` of the chapters. `all` are all of them.
#[must_use]
pub fn check(
    project: &Project,
    kind: Kind,
    some: &[Document],
    all: &[Document],
    options: Options,
) -> Findings {
    let complete = some.len() == all.len();
    let mut findings = Findings::default();
    match kind {
        Kind::Code => {
            for document in some {
                findings.add(code::check(document, |path| project.read(path)));
            }
        }
        Kind::Console => {
            let parts: Vec<Part> = some.iter().flat_map(replay::parts).collect();
            let replay = |part: &Part| replay::check(project, part, options);
            let replayed = parallel::map(parts.iter().collect(), replay);
            for (part, first) in parts.iter().zip(replayed) {
                // Sleeps and sockets are real in some lessons, and a machine that replays several
                // at once may be late by a tenth of a second. What is no longer true is found
                // again when it is replayed alone.
                let quiet = first.problems.is_empty();
                findings.add(if quiet { first } else { replay(part) });
            }
            if complete {
                experiment::remove_old(project);
            }
        }
        Kind::Pictures => findings = picture::check(project, some, complete),
        Kind::Links => {
            findings = links::check(project, some, all);
            if complete {
                findings.add(links::check_completeness(project, all));
            }
        }
        Kind::Form => {
            for document in some {
                findings.add(form::check(document));
            }
        }
    }
    findings.sort();
    findings
}

/// Rewrites what a machine can mend, and says what it has written: `tutorials/03-gather.md:57`.
///
/// # Errors
///
/// If a file cannot be written.
pub fn write(
    project: &Project,
    documents: &[Document],
    findings: &Findings,
) -> Result<Vec<String>, String> {
    let mut written = Vec::new();
    // By file, and from the end of each: what stands before a change keeps its place.
    let mut texts: BTreeMap<&str, BTreeMap<usize, (usize, &str)>> = BTreeMap::new();
    for problem in &findings.problems {
        match &problem.mend {
            None => continue,
            Some(Mend::Text { range, text }) => {
                let edits = texts.entry(&problem.file).or_default();
                edits.insert(range.start, (range.end, text));
            }
            Some(Mend::File { path, text }) => {
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
                }
                fs::write(path, text).map_err(|error| unwritable(path, &error))?;
            }
        }
        written.push(format!("{}:{}", problem.file, problem.line));
    }
    for (path, edits) in texts {
        let Some(document) = documents.iter().find(|document| document.path == path) else {
            continue;
        };
        let mut text = document.text.clone();
        for (start, (end, new)) in edits.into_iter().rev() {
            text.replace_range(start..end, new);
        }
        let path = project.root.join(path);
        fs::write(&path, text).map_err(|error| unwritable(&path, &error))?;
    }
    Ok(written)
}

fn unwritable(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}
