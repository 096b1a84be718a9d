//! The learner's folder: a copy of each stub, to be worked on.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::catalogue::{Catalogue, Exercise, read};
use crate::compile::{Bench, Variant};
use crate::grade::{self, Grade};
use crate::progress::Progress;

/// The exercises as one learner has them.
#[derive(Debug)]
pub(crate) struct Workshop<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) folder: PathBuf,
    pub(crate) progress: Progress,
    bench: Bench,
}

impl<'a> Workshop<'a> {
    /// Opens the folder, and puts the stubs into it that it does not have.
    ///
    /// # Errors
    ///
    /// If files cannot be read or written.
    pub(crate) fn open(catalogue: &'a Catalogue, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let folder = plain_path(&folder.canonicalize()?);
        for exercise in &catalogue.exercises {
            let file = folder.join(file_name(exercise));
            if !file.exists() {
                put(exercise, &file)?;
            }
        }
        let variant = |exercise: &Exercise| {
            let file = folder.join(file_name(exercise));
            Variant::of(exercise, exercise.name.clone(), file)
        };
        let variants: Vec<Variant> = catalogue.exercises.iter().map(variant).collect();
        Ok(Self {
            bench: Bench::prepare(catalogue, &folder, &variants)?,
            progress: Progress::open(&folder.join("progress.json"))?,
            catalogue,
            folder,
        })
    }

    pub(crate) fn file(&self, exercise: &Exercise) -> PathBuf {
        self.folder.join(file_name(exercise))
    }

    /// The learner's file as a person names it: from the folder that the command runs in.
    pub(crate) fn shown(&self, exercise: &Exercise) -> String {
        from_here(&self.file(exercise))
    }

    /// Whether the learner has changed the stub.
    pub(crate) fn is_begun(&self, exercise: &Exercise) -> Result<bool> {
        Ok(read(&self.file(exercise))? != read(&exercise.stub())?)
    }

    /// The first exercise that is not solved.
    pub(crate) fn next(&self) -> Option<&'a Exercise> {
        let is_open = |one: &&Exercise| self.progress.of(&one.name).solved.is_none();
        self.catalogue.exercises.iter().find(is_open)
    }

    /// Compiles and checks what the learner has, and notes it.
    ///
    /// # Errors
    ///
    /// If it cannot be compiled or run for a reason that lies outside of it.
    pub(crate) fn check(&mut self, exercise: &Exercise, colour: bool) -> Result<Grade> {
        let grade = self.grade(exercise, colour)?;
        // What the stub does wrong says nothing about the learner.
        if self.is_begun(exercise)? {
            self.progress.note(&exercise.name, &grade);
            self.progress.save()?;
        }
        Ok(grade)
    }

    /// Compiles and checks what the learner has.
    ///
    /// # Errors
    ///
    /// As for [`check`](Self::check).
    pub(crate) fn grade(&self, exercise: &Exercise, colour: bool) -> Result<Grade> {
        let names = [exercise.name.clone()];
        let mut compiled = self.bench.compile(&names, colour)?;
        let mut one = compiled.remove(&exercise.name).unwrap_or_default();
        let file = file_name(exercise);
        let shown = self.shown(exercise);
        let check = exercise.check().display().to_string();
        let check_shown = from_here(&exercise.check());
        let errors = one.errors.iter_mut().chain(&mut one.errors_in_check);
        for message in errors.chain(&mut one.warnings) {
            *message = message.replace(&check, &check_shown).replace(&file, &shown);
        }
        grade::grade(exercise, &one)
    }

    /// Puts the stub back. What the learner had stays beside it: `at-once.rs.before`.
    ///
    /// # Errors
    ///
    /// If files cannot be written.
    pub(crate) fn reset(&mut self, exercise: &Exercise) -> Result<PathBuf> {
        let file = self.file(exercise);
        let before = file.with_extension("rs.before");
        fs::rename(&file, &before).with_context(|| format!("cannot move {}", file.display()))?;
        put(exercise, &file)?;
        self.progress.change(&exercise.name).solved = None;
        self.progress.save()?;
        Ok(before)
    }
}

fn file_name(exercise: &Exercise) -> String {
    format!("{}.rs", exercise.name)
}

fn put(exercise: &Exercise, file: &Path) -> Result<()> {
    let stub = read(&exercise.stub())?;
    fs::write(file, stub).with_context(|| format!("cannot write {}", file.display()))
}

/// A file as it is named from the folder that the command runs in.
fn from_here(file: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let inside = here.ok().and_then(|here| {
        let inside = file.strip_prefix(plain_path(&here)).ok()?;
        Some(inside.to_owned())
    });
    let file = inside.unwrap_or(file.to_owned());
    file.display().to_string().replace('\\', "/")
}

/// Windows names a full path in a form (`\\?\C:\…`) that neither people nor cargo like.
fn plain_path(path: &Path) -> PathBuf {
    let text = path.to_string_lossy();
    text.strip_prefix(r"\\?\")
        .map_or_else(|| path.to_owned(), PathBuf::from)
}
