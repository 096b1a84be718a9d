//! What cargo builds for the checks.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cargo_metadata::{Message, TargetKind};

use crate::command::Target;
use crate::diff;
use crate::process;
use crate::project::{Package, Project};

/// A fresh clone compiles every dependency first.
const LIMIT: Duration = Duration::from_mins(20);

/// The lines that cargo prints about its own progress. They name times and folders of one machine.
const PROGRESS: [&str; 13] = [
    "Adding",
    "Blocking",
    "Building",
    "Checking",
    "Compiling",
    "Doc-tests",
    "Downloaded",
    "Downloading",
    "Finished",
    "Fresh",
    "Locking",
    "Running",
    "Updating",
];

/// What a run of cargo left.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    pub(crate) code: i32,
    /// What the compiler said.
    pub(crate) messages: Vec<String>,
    executables: Vec<Executable>,
}

#[derive(Clone, Debug)]
struct Executable {
    manifest: PathBuf,
    name: String,
    is_example: bool,
    path: PathBuf,
}

impl Built {
    /// Where the program of a package is, which in an experiment is a copy.
    pub(crate) fn executable(&self, package: &Package, target: &Target) -> Result<PathBuf, String> {
        let (name, is_example) = match target {
            Target::Default => (package.program.clone(), false),
            Target::Bin(name) => (Some(name.clone()), false),
            Target::Example(name) => (Some(name.clone()), true),
        };
        let name = name.ok_or_else(|| {
            format!(
                "{} has no program, or several: say `--bin NAME`",
                package.name
            )
        })?;
        let folder = Path::new(&package.folder);
        let found = self.executables.iter().find(|executable| {
            let of_package = executable
                .manifest
                .parent()
                .is_some_and(|parent| parent.ends_with(folder));
            of_package && executable.is_example == is_example && executable.name == name
        });
        match found {
            Some(found) => Ok(found.path.clone()),
            None if self.code == 0 => Err(format!("{} has no program {name}", package.name)),
            None => {
                let messages = diff::beginning(&self.messages);
                Err(format!("{} does not build\n{messages}", package.name))
            }
        }
    }
}

/// Builds with this cargo and these arguments.
///
/// # Errors
///
/// If cargo cannot be run or does not end.
pub(crate) fn build(mut command: Command, arguments: &[&str]) -> Result<Built, String> {
    command.args(arguments);
    command.arg("--message-format=json-render-diagnostics");
    let output = process::run(command, None, false, LIMIT)?;
    let stream = output.lines.join("\n");
    let mut executables = Vec::new();
    for message in Message::parse_stream(stream.as_bytes()).flatten() {
        if let Message::CompilerArtifact(artifact) = message
            && let Some(path) = artifact.executable
        {
            executables.push(Executable {
                manifest: artifact.manifest_path.into(),
                is_example: artifact.target.kind.contains(&TargetKind::Example),
                name: artifact.target.name,
                path: path.into(),
            });
        }
    }
    Ok(Built {
        code: output.code,
        messages: without_progress(output.errors.lines()),
        executables,
    })
}

/// A cargo whose finished programs go to `out`, and everything else to the folder that all builds
/// of the workspace share: so nothing is compiled twice, and no program that runs (this one, or a
/// learner's) is written over.
pub(crate) fn cargo(project: &Project, out: &Path) -> Command {
    let mut command = project.command(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command.env("CARGO_TARGET_DIR", out);
    command.env("CARGO_BUILD_BUILD_DIR", &project.build_dir);
    command.env("CARGO_TERM_COLOR", "never");
    command.env("CARGO_TERM_QUIET", "false");
    command.env("CARGO_TERM_VERBOSE", "false");
    command.env("CARGO_TERM_PROGRESS_WHEN", "never");
    command
}

/// The lines of the compiler and of the program, without those of cargo.
pub(crate) fn without_progress<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    lines
        .filter(|line| !is_progress(line))
        .map(str::to_owned)
        .collect()
}

/// Cargo puts its verb to the right of the first twelve columns.
fn is_progress(line: &str) -> bool {
    let verb = line.trim_start();
    let indented = line.len() - verb.len();
    PROGRESS.iter().any(|known| {
        verb.strip_prefix(known)
            .is_some_and(|rest| rest.starts_with(' '))
            && indented + known.len() == 12
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_progress_are_known_by_their_verb_and_column() {
        assert!(is_progress("   Compiling gather v0.1.0 (/home/me/gather)"));
        assert!(is_progress("    Finished `dev` profile in 0.42s"));
        assert!(is_progress(
            "    Blocking waiting for file lock on build directory"
        ));
        assert!(!is_progress("Compiling gather"));
        assert!(!is_progress("warning: unused variable: `x`"));
        assert!(!is_progress("  Running away"));
    }
}
