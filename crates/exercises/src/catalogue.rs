//! The exercises that there are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::inventory::Question;

/// All exercises, in the order of the chapters, and the misconceptions that they know.
#[derive(Debug)]
pub(crate) struct Catalogue {
    /// The folder of this package: `crates/exercises`.
    pub(crate) package: PathBuf,
    pub(crate) exercises: Vec<Exercise>,
    /// Folders that have no `exercise.toml` yet.
    pub(crate) unfinished: Vec<PathBuf>,
    pub(crate) misconceptions: BTreeMap<String, Misconception>,
    /// The concept inventory, in the order in which it is asked.
    pub(crate) questions: Vec<Question>,
}

/// What people believe, and what is so: an entry in `misconceptions/*.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Misconception {
    pub(crate) belief: String,
    pub(crate) truth: String,
    /// The chapter that shows it, such as `03-gather`.
    pub(crate) chapter: String,
}

/// One exercise: a folder such as `catalogue/03-gather/1-at-once`.
#[derive(Debug)]
pub(crate) struct Exercise {
    /// `at-once`. Progress is kept under it, so it stays when the exercise moves.
    pub(crate) name: String,
    /// `03-gather`.
    pub(crate) chapter: String,
    pub(crate) folder: PathBuf,
    pub(crate) about: About,
}

/// Its `exercise.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    pub(crate) title: String,
    pub(crate) kind: Kind,
    pub(crate) minutes: u32,
    /// Each says more than the one before.
    pub(crate) hints: Vec<String>,
    /// Which messages of the compiler come from which misconception.
    #[serde(default)]
    pub(crate) compiler: Vec<Compiler>,
}

/// What to do with the stub.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Complete,
    Fix,
    Predict,
    MakeItCompile,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Fix => "fix",
            Self::Predict => "predict",
            Self::MakeItCompile => "make it compile",
        }
    }
}

/// A message of the compiler that contains `says` tells of a misconception.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Compiler {
    pub(crate) says: String,
    pub(crate) misconception: String,
}

/// A wrong attempt: what somebody writes who has a misconception.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) path: PathBuf,
    pub(crate) misconception: String,
}

impl Exercise {
    pub(crate) fn stub(&self) -> PathBuf {
        self.folder.join("stub.rs")
    }

    pub(crate) fn check(&self) -> PathBuf {
        self.folder.join("check.rs")
    }

    pub(crate) fn solution(&self) -> PathBuf {
        self.folder.join("solution.rs")
    }

    /// Other solutions that must pass: `also/*.rs`.
    pub(crate) fn also(&self) -> Result<Vec<PathBuf>> {
        programs(&self.folder.join("also"))
    }

    /// The wrong attempts: `wrong/*.rs`. The first line of each names its misconception.
    pub(crate) fn attempts(&self) -> Result<Vec<Attempt>> {
        let attempt = |path: PathBuf| {
            let text = read(&path)?;
            let first = text.lines().next().unwrap_or_default();
            let Some(misconception) = first.strip_prefix("// misconception: ") else {
                bail!(
                    "{}: the first line is not `// misconception: NAME`",
                    path.display()
                );
            };
            Ok(Attempt {
                misconception: misconception.trim().to_owned(),
                path,
            })
        };
        let paths = programs(&self.folder.join("wrong"))?;
        paths.into_iter().map(attempt).collect()
    }
}

impl Catalogue {
    /// Reads what lies in `package`, the folder of this package.
    ///
    /// # Errors
    ///
    /// If a file is missing or not in its form.
    pub(crate) fn open(package: &Path) -> Result<Self> {
        let mut misconceptions = BTreeMap::new();
        for file in entries(&package.join("misconceptions"))? {
            let of_file: BTreeMap<String, Misconception> = toml::from_str(&read(&file)?)
                .with_context(|| format!("{} is not in its form", file.display()))?;
            for (name, one) in of_file {
                let twice = misconceptions.insert(name.clone(), one).is_some();
                ensure!(!twice, "{}: {name} is there twice", file.display());
            }
        }
        let mut exercises = Vec::new();
        let mut unfinished = Vec::new();
        for chapter in folders(&package.join("catalogue"))? {
            for folder in folders(&chapter)? {
                // Somebody is writing it. That stops nobody who does something else.
                if folder.join("exercise.toml").exists() {
                    exercises.push(exercise(&chapter, folder)?);
                } else {
                    unfinished.push(folder);
                }
            }
        }
        for (index, exercise) in exercises.iter().enumerate() {
            let same = exercises[..index]
                .iter()
                .find(|one| one.name == exercise.name);
            ensure!(same.is_none(), "two exercises are called {}", exercise.name);
        }
        let questions = folders(&package.join("inventory"))?;
        Ok(Self {
            package: package.to_owned(),
            exercises,
            unfinished,
            misconceptions,
            questions: questions
                .iter()
                .map(|folder| Question::open(folder))
                .collect::<Result<_>>()?,
        })
    }

    /// The exercise called `name`.
    ///
    /// # Errors
    ///
    /// If there is none: the message says which names are like it.
    pub(crate) fn find(&self, name: &str) -> Result<&Exercise> {
        let found = self.exercises.iter().find(|one| one.name == name);
        found.with_context(|| {
            let like = |one: &&Exercise| one.name.contains(name) || name.contains(&one.name);
            let like: Vec<&str> = self
                .exercises
                .iter()
                .filter(like)
                .map(|one| one.name.as_str())
                .collect();
            if like.is_empty() {
                format!(
                    "there is no exercise {name:?}; `cargo run -p exercises -- list` lists them"
                )
            } else {
                format!(
                    "there is no exercise {name:?}; is it {}?",
                    like.join(" or ")
                )
            }
        })
    }
}

fn exercise(chapter: &Path, folder: PathBuf) -> Result<Exercise> {
    let name = name_after_number(&folder)?;
    let file = folder.join("exercise.toml");
    let about = toml::from_str(&read(&file)?)
        .with_context(|| format!("{} is not in its form", file.display()))?;
    Ok(Exercise {
        name,
        chapter: file_name(chapter),
        folder,
        about,
    })
}

/// `at-once` for a folder called `1-at-once`: the number says where it stands, and may change.
pub(crate) fn name_after_number(folder: &Path) -> Result<String> {
    let name = file_name(folder);
    let Some((number, name)) = name.split_once('-') else {
        bail!("{}: the name is not NUMBER-NAME", folder.display());
    };
    ensure!(
        number.parse::<u32>().is_ok(),
        "{}: the name does not begin with a number",
        folder.display()
    );
    Ok(name.to_owned())
}

pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The folders in a folder, by name.
fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(entries(folder)?
        .into_iter()
        .filter(|path| path.is_dir())
        .collect())
}

/// The `.rs` files of a folder, by name; none, if there is no such folder.
fn programs(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut programs = entries(folder)?;
    programs.retain(|path| path.extension().is_some_and(|ending| ending == "rs"));
    Ok(programs)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let why = || format!("cannot read the folder {}", folder.display());
    let mut entries = fs::read_dir(folder)
        .with_context(why)?
        .map(|entry| Ok(entry.with_context(why)?.path()))
        .collect::<Result<Vec<PathBuf>>>()?;
    entries.sort();
    Ok(entries)
}
