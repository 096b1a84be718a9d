//! Pictures: each is drawn from a run, by the command that stands above it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::command::CommandLine;
use crate::expect::Rules;
use crate::findings::{Findings, Mend, Problem};
use crate::launch::{Launcher, RECORDER, is_python};
use crate::links;
use crate::markdown::{Document, Image};
use crate::project::{Project, slashes};
use crate::recording;
use crate::{diff, parallel};

/// Where pictures are.
const FOLDER: &str = "tutorials/pictures";

/// A picture, and where the command that draws it stands.
struct Drawing<'a> {
    document: &'a Document,
    image: &'a Image,
    command: &'a str,
}

/// Checks the pictures of all chapters. With `orphans`, also that each picture is in a chapter:
/// only sensible if these are all chapters.
#[must_use]
pub fn check(project: &Project, documents: &[Document], orphans: bool) -> Findings {
    let mut findings = Findings::default();
    let mut drawings: BTreeMap<String, Drawing<'_>> = BTreeMap::new();
    let mut uses: BTreeMap<String, (&Document, &Image)> = BTreeMap::new();
    let mut shown: BTreeSet<String> = BTreeSet::new();
    for document in documents {
        for image in &document.images {
            if links::is_remote(&image.target) {
                continue;
            }
            findings.checked += 1;
            let mut wrong = |message: String| {
                let problem = Problem::new(&document.path, image.line, message);
                findings.problems.push(problem);
            };
            if image.alt.trim().is_empty() {
                wrong(format!("say in words what {} shows: ![…](…)", image.target));
            }
            let Some(path) = links::resolve(&document.path, &image.target) else {
                wrong(format!("{} is outside the repository", image.target));
                continue;
            };
            let extension = Path::new(&path).extension();
            if extension.is_some_and(|extension| extension == "png") {
                shown.insert(path.clone());
                if let Err(message) = screenshot(project, &path, image) {
                    wrong(message);
                }
                continue;
            }
            if extension.is_none_or(|extension| extension != "svg") {
                wrong(format!(
                    "{} is no .svg and no .png: pictures are drawn from runs",
                    image.target
                ));
                continue;
            }
            shown.insert(path.clone());
            uses.entry(path.clone()).or_insert((document, image));
            let directives = image.directives.iter();
            for directive in directives.filter(|directive| directive.name == "picture") {
                let drawing = Drawing {
                    document,
                    image,
                    command: &directive.value,
                };
                match drawings.get(&path) {
                    Some(other) if other.command != drawing.command => {
                        wrong(format!(
                            "{path} is drawn otherwise at {}:{}",
                            other.document.path, other.image.line
                        ));
                    }
                    _ => {
                        drawings.insert(path.clone(), drawing);
                    }
                }
            }
        }
    }
    for (path, (document, image)) in &uses {
        if !drawings.contains_key(path) {
            let message = format!(
                "nothing says how {path} is drawn: put `<!-- picture: COMMAND -->` on the line above"
            );
            let problem = Problem::new(&document.path, image.line, message);
            findings.problems.push(problem);
        }
    }
    let drawn = parallel::map(drawings.iter().collect(), |(path, drawing)| {
        redraw(project, path, drawing)
    });
    for one in drawn {
        findings.add(one);
    }
    if orphans {
        findings.problems.extend(
            pictures(project)
                .into_iter()
                .filter(|path| !shown.contains(path))
                .map(|path| Problem::new(path, 1, "no chapter shows this picture")),
        );
    }
    findings
}

/// A picture of a page cannot be compared byte by byte: fonts differ. It is taken by a test in a
/// browser, which `<!-- screenshot: FILE -->` names, and which takes it again with
/// `WRITE_SCREENSHOTS=1`.
fn screenshot(project: &Project, path: &str, image: &Image) -> Result<(), String> {
    const LARGEST: u64 = 64 * 1024;
    let mut directives = image.directives.iter();
    let taker = directives
        .find(|directive| directive.name == "screenshot")
        .ok_or_else(|| {
            format!(
                "nothing says which test takes {path}: put `<!-- screenshot: FILE -->` on the line \
                 above"
            )
        })?;
    let taker = &taker.value;
    let text = fs::read_to_string(project.root.join(taker))
        .map_err(|error| format!("{taker} cannot be read: {error}"))?;
    let name = path.rsplit('/').next().unwrap_or(path);
    if !text.contains("WRITE_SCREENSHOTS") || !text.contains(&format!("\"{name}\"")) {
        return Err(format!("{taker} does not take {name}"));
    }
    match fs::metadata(project.root.join(path)) {
        Err(error) => Err(format!("{path}: {error}")),
        Ok(file) if file.len() > LARGEST => Err(format!(
            "{path} has {} bytes; at most {LARGEST} are cheap enough for who clones this",
            file.len()
        )),
        Ok(_) => Ok(()),
    }
}

/// All files in the folder of pictures, from the repository root.
fn pictures(project: &Project) -> Vec<String> {
    let mut paths = Vec::new();
    let mut folders = vec![project.root.join(FOLDER)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                paths.push(slashes(&project.root, &entry.path()));
            }
        }
    }
    paths.sort();
    paths
}

fn redraw(project: &Project, path: &str, drawing: &Drawing<'_>) -> Findings {
    let mut findings = Findings::default();
    let place = |message: String| Problem::new(&drawing.document.path, drawing.image.line, message);
    let svg = match draw(project, path, drawing) {
        Ok(Some(svg)) => svg,
        Ok(None) => {
            let skipped = format!("{path} was not drawn anew");
            findings.skipped.push(skipped);
            return findings;
        }
        Err(message) => {
            findings.problems.push(place(message));
            return findings;
        }
    };
    if let Err(error) = roxmltree::Document::parse(&svg) {
        let message = format!("`{}` draws no picture: {error}", drawing.command);
        findings.problems.push(place(message));
        return findings;
    }
    let varies = drawing.image.directives.iter();
    let varies = varies.filter(|directive| directive.name == "varies");
    let rules = match Rules::new(varies.map(|directive| directive.value.as_str())) {
        Ok(rules) => rules,
        Err(message) => {
            findings.problems.push(place(message));
            return findings;
        }
    };
    let old = project.read(path);
    let message = match &old {
        None => Some(format!("{path} is missing")),
        Some(old) if !same(&rules, old, &svg) => {
            let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), svg.lines().collect());
            Some(format!(
                "{path} is not what `{}` draws\n{}",
                drawing.command,
                shortened(&diff::short(&old, &new))
            ))
        }
        Some(_) => None,
    };
    if let Some(message) = message {
        let mend = Mend::File {
            path: project.root.join(path),
            text: svg,
        };
        findings.problems.push(place(message).mended_by(mend));
    }
    findings
}

/// Byte for byte, but for what varies.
fn same(rules: &Rules, old: &str, new: &str) -> bool {
    let form = |text: &str| -> Vec<String> { text.lines().map(|line| rules.form(line)).collect() };
    old == new || form(old) == form(new)
}

/// An element of a picture can be a long line.
fn shortened(diff: &str) -> String {
    let lines = diff.lines().take(6);
    let lines = lines.map(|line| line.chars().take(160).collect::<String>());
    lines.collect::<Vec<_>>().join("\n")
}

/// The picture as its command draws it now. `None` if something is missing on this machine.
fn draw(project: &Project, path: &str, drawing: &Drawing<'_>) -> Result<Option<String>, String> {
    let line = drawing.command;
    let words = CommandLine::parse(line)?.words;
    let to = format!("--timeline={path}");
    if !words.contains(&to) {
        return Err(format!("`{line}` draws no {path}: it needs `{to}`"));
    }
    let mut launcher = Launcher::new(project, drawing.document);
    if !words.iter().any(|word| word == RECORDER) {
        let own = launcher.stand_ins.file(path);
        // What an earlier run has left there is not what this one draws.
        let _ = fs::remove_file(&own);
        if launcher.draw(line)?.is_none() {
            return Ok(None);
        }
        return read(&own).map(Some);
    }
    // Python writes down what happened; the picture is drawn here, by the same renderer.
    let script = words.iter().rfind(|word| is_python(word));
    let name = script.and_then(|script| Path::new(script).file_name());
    let title = name.map(|name| name.to_string_lossy().into_owned());
    let json = Path::new(path).with_extension("json");
    let json = json.to_string_lossy().replace('\\', "/");
    let own = launcher.stand_ins.file(&json);
    let _ = fs::remove_file(&own);
    let line = line.replace(&to, &format!("--timeline={json}"));
    if launcher.draw(&line)?.is_none() {
        return Ok(None);
    }
    let recording = recording::from_json(&read(&own)?)?;
    Ok(Some(recording.svg(&title.unwrap_or_default())))
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("no picture was drawn: {error}"))
}
