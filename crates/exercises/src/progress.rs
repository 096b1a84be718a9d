//! How far a learner has come.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::grade::{Grade, Outcome};

/// What is kept of each exercise, by its name.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Progress {
    pub(crate) exercises: BTreeMap<String, Record>,
    /// Where it is kept.
    #[serde(skip)]
    file: PathBuf,
}

/// What is kept of one exercise.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub(crate) struct Record {
    /// How often it was checked.
    pub(crate) checks: u32,
    /// When all checks passed for the first time, in seconds since 1970.
    pub(crate) solved: Option<u64>,
    pub(crate) hints: usize,
    pub(crate) saw_solution: bool,
    /// How often a check met each misconception.
    pub(crate) misconceptions: BTreeMap<String, u32>,
    /// How often it hung, by how.
    pub(crate) hangs: BTreeMap<String, u32>,
}

impl Progress {
    /// Reads `file`; nothing is known yet if there is none.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is not what was written.
    pub(crate) fn open(file: &Path) -> Result<Self> {
        let mut progress = if file.exists() {
            let text = crate::catalogue::read(file)?;
            serde_json::from_str(&text).with_context(|| {
                format!(
                    "{} is damaged; delete it to begin anew (your answers stay)",
                    file.display()
                )
            })?
        } else {
            Self::default()
        };
        file.clone_into(&mut progress.file);
        Ok(progress)
    }

    /// Writes it down. A reader never sees half of it.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub(crate) fn save(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        let beside = self.file.with_extension("new");
        let why = || format!("cannot write {}", self.file.display());
        fs::write(&beside, text + "\n").with_context(why)?;
        fs::rename(&beside, &self.file).with_context(why)
    }

    pub(crate) fn of(&self, exercise: &str) -> Record {
        self.exercises.get(exercise).cloned().unwrap_or_default()
    }

    pub(crate) fn change(&mut self, exercise: &str) -> &mut Record {
        self.exercises.entry(exercise.to_owned()).or_default()
    }

    /// Notes what a check found.
    pub(crate) fn note(&mut self, exercise: &str, grade: &Grade) {
        let record = self.change(exercise);
        record.checks += 1;
        if grade.passed() && record.solved.is_none() {
            record.solved = Some(now());
        }
        for misconception in grade.all_misconceptions() {
            *record.misconceptions.entry(misconception).or_default() += 1;
        }
        for check in &grade.checks {
            if let Outcome::Hangs { how, .. } = &check.result {
                *record.hangs.entry(how.clone()).or_default() += 1;
            }
        }
    }
}

pub(crate) fn now() -> u64 {
    // A clock before 1970 is set wrong; the day of a solution matters to nobody then.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}
