//! A changed copy of a package, as a reader has it after a diff.
//!
//! The copy is the only program of a scratch workspace. Everything that cargo compiles for it but
//! the package itself is what the real workspace has compiled already: the build folder is shared,
//! the lock file is a copy, and [`FEATURES`] asks for the features that the whole workspace asks
//! for. An experiment thus costs one compilation of one small package.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::PoisonError;
use std::time::Duration;

use toml::{Table, Value};

use crate::build::{self, Built};
use crate::process::{self, Output};
use crate::project::{Package, Project, slashes};

/// The package of a scratch workspace that has no code and all dependencies.
const FEATURES: &str = "features";

const LIMIT: Duration = Duration::from_mins(5);

/// A copy of a package.
#[derive(Debug)]
pub(crate) struct Experiment {
    pub(crate) package: Package,
    /// The scratch workspace.
    root: PathBuf,
    /// The folder of the scratch workspace that stands for the repository. Its name is what keeps
    /// the copy apart from the original, for cargo and in messages.
    stand_in: String,
    built: HashMap<bool, Built>,
}

impl Experiment {
    /// Copies the package with these files changed; `place`, such as the chapter's name and the
    /// diff, is what tells this copy from others. `alone`, it has the features that its own
    /// manifest asks for, and no others.
    ///
    /// # Errors
    ///
    /// If files cannot be read or written.
    pub(crate) fn prepare(
        project: &Project,
        package: &Package,
        changed: &BTreeMap<String, String>,
        place: &str,
        alone: bool,
    ) -> Result<Self, String> {
        let mut hasher = DefaultHasher::new();
        (place, &package.name, alone).hash(&mut hasher);
        let stand_in = format!("x{:08x}", hasher.finish() & 0xffff_ffff);
        let root = project.scratch.join("experiments").join(&stand_in);
        let experiment = Self {
            package: package.clone(),
            stand_in,
            root,
            built: HashMap::new(),
        };
        experiment
            .write(project, changed, alone)
            .map_err(|error| format!("cannot write {}: {error}", experiment.root.display()))?;
        Ok(experiment)
    }

    fn write(
        &self,
        project: &Project,
        changed: &BTreeMap<String, String>,
        alone: bool,
    ) -> io::Result<()> {
        let mut copies = project
            .copies
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        copies.insert(self.root.clone());
        let folder = &self.package.folder;
        let copy = self.root.join(&self.stand_in).join(folder);
        copy_folder(&project.root.join(folder), &copy, &|file| {
            changed.get(&slashes(&project.root, file))
        })?;
        let mut members = vec![format!("{}/{folder}", self.stand_in)];
        // With a changed manifest, the features of the manifest are what the experiment is about.
        if !alone && !changed.contains_key(&format!("{folder}/Cargo.toml")) {
            members.push(FEATURES.to_owned());
            write_if_new(&self.root.join(FEATURES).join("src/main.rs"), b"")?;
            let manifest = features(project)?;
            write_if_new(
                &self.root.join(FEATURES).join("Cargo.toml"),
                manifest.as_bytes(),
            )?;
        }
        let manifest = workspace_manifest(project, members)?;
        write_if_new(&self.root.join("Cargo.toml"), manifest.as_bytes())?;
        // Cargo adds the copy to its lock file: only a new original is a reason to begin anew.
        let lock = fs::read(project.root.join("Cargo.lock"))?;
        if write_if_new(&self.root.join("Cargo.lock.original"), &lock)? {
            fs::write(self.root.join("Cargo.lock"), &lock)?;
        }
        Ok(())
    }

    /// The programs of the copy.
    ///
    /// # Errors
    ///
    /// If cargo cannot be run. Whether the copy compiles is said by [`Built`].
    pub(crate) fn programs(&mut self, project: &Project, release: bool) -> Result<&Built, String> {
        if !self.built.contains_key(&release) {
            let mut arguments = vec!["build"];
            if release {
                arguments.push("--release");
            }
            let manifest = self.manifest();
            arguments.extend(["--manifest-path", &manifest]);
            arguments.extend(["--workspace", "--offline", "--bins", "--examples"]);
            let built = build::build(self.cargo_for_copy(project), &arguments)?;
            self.built.insert(release, built);
        }
        self.built
            .get(&release)
            .ok_or_else(|| "nothing was built".to_owned())
    }

    /// Runs `cargo test`, `build`, `check` or `clippy` on the copy.
    ///
    /// # Errors
    ///
    /// If cargo cannot be run or does not end.
    pub(crate) fn cargo(
        &self,
        project: &Project,
        subcommand: &str,
        arguments: &[String],
        env: &[(String, String)],
        merged: bool,
    ) -> Result<Output, String> {
        let mut command = self.cargo_for_copy(project);
        // What `check` says, `build` says too, and its dependencies are compiled already.
        command.arg(if subcommand == "check" {
            "build"
        } else {
            subcommand
        });
        command.args(["--manifest-path", &self.manifest()]);
        command.args(["--workspace", "--offline"]);
        command.args(arguments);
        command.envs(env.iter().map(|(name, value)| (name, value)));
        let output = process::run(command, None, merged, LIMIT)?;
        let lines = if merged {
            build::without_progress(output.lines.iter().map(String::as_str))
        } else {
            output.lines
        };
        Ok(Output {
            lines,
            errors: build::without_progress(output.errors.lines()).join("\n"),
            code: output.code,
        })
    }

    fn cargo_for_copy(&self, project: &Project) -> Command {
        let mut command = build::cargo(project, &self.root.join("out"));
        // What is compiled once need not remember how.
        command.env("CARGO_INCREMENTAL", "0");
        command
    }

    fn manifest(&self) -> String {
        self.root.join("Cargo.toml").display().to_string()
    }

    /// Where the copy of a file of the package is.
    pub(crate) fn path(&self, original: &str) -> Option<PathBuf> {
        let inside = original
            .strip_prefix(self.package.folder.as_str())
            .is_some_and(|rest| rest.starts_with('/'));
        inside.then(|| self.root.join(&self.stand_in).join(original))
    }

    /// The folders before the paths of the copy, as programs and the compiler print them: without
    /// them the paths are those of the original.
    pub(crate) fn folders(&self) -> [String; 2] {
        let absolute = self.root.join(&self.stand_in);
        [absolute.display().to_string(), self.stand_in.clone()]
    }
}

/// Removes the copies of earlier runs that this one has not used.
pub(crate) fn remove_old(project: &Project) {
    let copies = project
        .copies
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let entries = fs::read_dir(project.scratch.join("experiments"));
    for entry in entries.into_iter().flatten().flatten() {
        if !copies.contains(&entry.path()) {
            // What cannot be removed now is removed another time.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The line without the folder before its paths, which then have `/` on every system.
pub(crate) fn without_folder(line: &str, folder: &str) -> String {
    let mut parts = line.split(folder);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let part = part.trim_start_matches(['/', '\\']);
        let end = part.find([' ', ':', '"', '\'', ')']).unwrap_or(part.len());
        text.push_str(&part[..end].replace('\\', "/"));
        text.push_str(&part[end..]);
    }
    text
}

/// The manifest of the workspace, with other members.
fn workspace_manifest(project: &Project, members: Vec<String>) -> io::Result<String> {
    let mut manifest = read_manifest(&project.root.join("Cargo.toml"))?;
    if let Some(Value::Table(workspace)) = manifest.get_mut("workspace") {
        for key in ["exclude", "default-members"] {
            workspace.remove(key);
        }
        let members = members.into_iter().map(Value::String).collect();
        workspace.insert("members".to_owned(), Value::Array(members));
        if let Some(Value::Table(dependencies)) = workspace.get_mut("dependencies") {
            for dependency in dependencies
                .iter_mut()
                .filter_map(|(_, d)| d.as_table_mut())
            {
                if let Some(Value::String(path)) = dependency.get_mut("path") {
                    *path = project.root.join(&*path).display().to_string();
                }
            }
        }
    }
    toml::to_string(&manifest).map_err(io::Error::other)
}

/// The manifest of a package that depends on all that the workspace depends on, with all features
/// that its packages ask for.
fn features(project: &Project) -> io::Result<String> {
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in &project.packages {
        let path = project.root.join(&package.folder).join("Cargo.toml");
        let manifest = read_manifest(&path)?;
        let Some(Value::Table(dependencies)) = manifest.get("dependencies") else {
            continue;
        };
        for (name, dependency) in dependencies {
            if !dependency.as_table().is_some_and(inherits) {
                continue;
            }
            let features = dependency.get("features").and_then(Value::as_array);
            let features = features.into_iter().flatten().filter_map(Value::as_str);
            wanted
                .entry(name.clone())
                .or_default()
                .extend(features.map(str::to_owned));
        }
    }
    let dependencies: Table = wanted
        .into_iter()
        .map(|(name, features)| {
            let features = features.into_iter().map(Value::String).collect();
            let mut dependency = Table::new();
            dependency.insert("workspace".to_owned(), Value::Boolean(true));
            dependency.insert("features".to_owned(), Value::Array(features));
            (name, Value::Table(dependency))
        })
        .collect();
    let dependencies = toml::to_string(&BTreeMap::from([("dependencies", dependencies)]));
    let dependencies = dependencies.map_err(io::Error::other)?;
    Ok(format!(
        "[package]\nname = \"{FEATURES}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         # Never compiled: it is there for its dependencies.\n\
         [features]\nnever = []\n\n\
         [[bin]]\nname = \"{FEATURES}\"\nrequired-features = [\"never\"]\n\n{dependencies}"
    ))
}

fn inherits(dependency: &Table) -> bool {
    dependency.get("workspace") == Some(&Value::Boolean(true))
        && dependency.get("optional") != Some(&Value::Boolean(true))
}

fn read_manifest(path: &Path) -> io::Result<Table> {
    fs::read_to_string(path)?.parse().map_err(io::Error::other)
}

/// Makes `copy` what `original` is, but for the texts that are `changed`. Files that are right stay
/// untouched: cargo compiles anew what is newer than its output.
fn copy_folder<'a>(
    original: &Path,
    copy: &Path,
    changed: &dyn Fn(&Path) -> Option<&'a String>,
) -> io::Result<()> {
    fs::create_dir_all(copy)?;
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(original)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "target" || name == "__pycache__" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &copy.join(&name), changed)?;
        } else {
            let bytes = match changed(&entry.path()) {
                Some(text) => text.clone().into_bytes(),
                None => fs::read(entry.path())?,
            };
            write_if_new(&copy.join(&name), &bytes)?;
        }
        names.insert(name);
    }
    for entry in fs::read_dir(copy)? {
        let entry = entry?;
        if names.contains(&entry.file_name()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whether it had to be written.
fn write_if_new(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_copy_read_like_those_of_the_original() {
        assert_eq!(
            without_folder(" --> x12/crates/a/src/main.rs:3:5", "x12"),
            " --> crates/a/src/main.rs:3:5"
        );
        assert_eq!(
            without_folder(r"at x12\crates\a\src\main.rs:3:5: C:\other", "x12"),
            r"at crates/a/src/main.rs:3:5: C:\other"
        );
    }

    #[test]
    fn a_folder_is_copied_without_touching_what_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (original, copy) = (folder.path().join("a"), folder.path().join("b"));
        fs::create_dir_all(original.join("src")).unwrap();
        fs::create_dir_all(copy.join("old")).unwrap();
        fs::write(original.join("src/main.rs"), "fn main() {}").unwrap();
        fs::write(original.join("src/lib.rs"), "old").unwrap();
        fs::write(copy.join("old.rs"), "").unwrap();
        let new = "new".to_owned();
        let changed = |file: &Path| file.ends_with("lib.rs").then_some(&new);
        copy_folder(&original, &copy, &changed).unwrap();
        assert_eq!(fs::read_to_string(copy.join("src/lib.rs")).unwrap(), "new");
        let written = |file: &str| fs::metadata(copy.join(file)).unwrap().modified().unwrap();
        let first = (written("src/main.rs"), written("src/lib.rs"));
        copy_folder(&original, &copy, &changed).unwrap();
        assert_eq!((written("src/main.rs"), written("src/lib.rs")), first);
        assert!(!copy.join("old.rs").exists());
        assert!(!copy.join("old").exists());
    }
}
