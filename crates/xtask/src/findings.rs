//! What a check found.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

/// A claim that is not true, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, from the repository root, with `/` on every system.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, in one line; below it, perhaps, a short diff.
    pub message: String,
    /// What would make the claim true, where a machine can know it.
    pub mend: Option<Mend>,
}

/// How a claim is made true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mend {
    /// These bytes of the Markdown file are replaced.
    Text {
        /// Which bytes.
        range: Range<usize>,
        /// By what.
        text: String,
    },
    /// This file is written.
    File {
        /// Which file.
        path: PathBuf,
        /// With what.
        text: String,
    },
}

impl Problem {
    /// A problem that only a person can mend.
    pub(crate) fn new(file: impl Into<String>, line: usize, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line,
            message: message.into(),
            mend: None,
        }
    }

    /// The same problem, which `mend` solves.
    pub(crate) fn mended_by(self, mend: Mend) -> Self {
        Self {
            mend: Some(mend),
            ..self
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.message.lines();
        let first = lines.next().unwrap_or_default();
        write!(f, "{}:{}: {first}", self.file, self.line)?;
        for line in lines {
            write!(f, "\n    {line}")?;
        }
        if self.mend.is_some() {
            write!(f, "\n    (`cargo xtask tutorials --write` rewrites it)")?;
        }
        Ok(())
    }
}

/// All that one check found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// What is not true.
    pub problems: Vec<Problem>,
    /// What could not be checked here, and why.
    pub skipped: Vec<String>,
    /// How many claims were looked at.
    pub checked: usize,
}

impl Findings {
    /// Adds what another check found.
    pub fn add(&mut self, other: Self) {
        self.problems.extend(other.problems);
        self.skipped.extend(other.skipped);
        self.checked += other.checked;
    }

    /// Orders the problems as a reader meets them.
    pub(crate) fn sort(&mut self) {
        self.problems
            .sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_its_place_and_says_who_can_mend_it() {
        let problem = Problem::new("tutorials/03-gather.md", 57, "not so\n-a\n+b");
        assert_eq!(
            problem.to_string(),
            "tutorials/03-gather.md:57: not so\n    -a\n    +b"
        );
        let mend = Mend::Text {
            range: 0..1,
            text: "x".to_owned(),
        };
        assert!(
            problem
                .mended_by(mend)
                .to_string()
                .ends_with("\n    (`cargo xtask tutorials --write` rewrites it)")
        );
    }
}
