//! Compiles attempts at exercises: with cargo, as tests of a package of their own.
//!
//! That package is no member of the workspace, so that `cargo test --workspace` does not see what
//! a learner has not finished. It shares the build folder and the versions, so that only the
//! attempt itself is compiled.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value as Json;
use toml::{Table, Value};

use crate::catalogue::{Catalogue, Exercise, read};

/// Something to compile.
#[derive(Debug)]
pub(crate) struct Variant {
    /// The name of its test or program: `at-once`.
    pub(crate) name: String,
    /// The learner's file, a solution, a program.
    pub(crate) file: PathBuf,
    /// What checks it; a program is run as it is.
    pub(crate) check: Option<PathBuf>,
}

impl Variant {
    /// `file`, in the place of the stub of `exercise`.
    pub(crate) fn of(exercise: &Exercise, name: String, file: PathBuf) -> Self {
        Self {
            name,
            file,
            check: Some(exercise.check()),
        }
    }
}

/// What the compiler made of a variant.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    /// The tests, if it compiles.
    pub(crate) program: Option<PathBuf>,
    /// What the compiler says, as it says it.
    pub(crate) errors: Vec<String>,
    /// What it says of the check. It is what follows from errors in the file, if there are any.
    pub(crate) errors_in_check: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

/// A folder that holds a package with variants.
#[derive(Debug)]
pub(crate) struct Bench {
    folder: PathBuf,
    /// Where cargo keeps what it compiles.
    target: PathBuf,
}

impl Bench {
    /// Writes a package for `variants` into `folder`.
    ///
    /// # Errors
    ///
    /// If files cannot be read or written.
    pub(crate) fn prepare(
        catalogue: &Catalogue,
        folder: &Path,
        variants: &[Variant],
    ) -> Result<Self> {
        let roots = folder.join(ROOTS);
        fs::create_dir_all(&roots)
            .with_context(|| format!("cannot make the folder {}", roots.display()))?;
        let manifest = manifest(catalogue, folder, variants)?;
        write_if_new(&folder.join("Cargo.toml"), &manifest)?;
        let lock = read(&catalogue.package.join("../../Cargo.lock"))?;
        // Cargo takes out of its lock file what this package does not use: only a new original is
        // a reason to begin anew.
        if write_if_new(&roots.join("Cargo.lock.original"), &lock)? {
            write_if_new(&folder.join("Cargo.lock"), &lock)?;
        }
        for variant in variants {
            if let Some(check) = &variant.check {
                let root = root_of(variant, check, folder);
                write_if_new(&roots.join(format!("{}.rs", variant.name)), &root)?;
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            target: target_folder()?,
        })
    }

    /// Compiles the tests called `names`; all, if there are none.
    ///
    /// # Errors
    ///
    /// If cargo cannot be run, or fails before it compiles anything.
    pub(crate) fn compile(
        &self,
        names: &[String],
        colour: bool,
    ) -> Result<BTreeMap<String, Compiled>> {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        command
            .args(["build", "--keep-going", "--offline", "--quiet"])
            .arg("--manifest-path")
            .arg(self.folder.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&self.target)
            .arg(if colour {
                "--message-format=json-diagnostic-rendered-ansi"
            } else {
                "--message-format=json"
            })
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if names.is_empty() {
            command.args(["--tests", "--bins"]);
        }
        for name in names {
            command.args(["--test", name]);
        }
        // What cargo sets for this program is not meant for that package.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&*name);
            }
        }
        let mut child = command.spawn().context("cannot run cargo")?;
        let stdout = child.stdout.take().context("cargo has no output")?;
        let mut stderr = child.stderr.take().context("cargo has no output")?;
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            // What is no text is not shown.
            let _ = stderr.read_to_string(&mut text);
            text
        });
        let mut compiled: BTreeMap<String, Compiled> = BTreeMap::new();
        for line in BufReader::new(stdout).lines() {
            let line = line.context("cannot read what cargo says")?;
            if let Ok(message) = serde_json::from_str(&line) {
                take(&mut compiled, &message);
            }
        }
        let status = child.wait().context("cannot wait for cargo")?;
        let errors = errors.join().unwrap_or_default();
        let is_explained =
            |one: &Compiled| !one.errors.is_empty() || !one.errors_in_check.is_empty();
        let explained = compiled.values().any(is_explained);
        ensure!(
            status.success() || explained,
            "cargo cannot build {}: {}",
            self.folder.display(),
            errors.trim()
        );
        Ok(compiled)
    }
}

/// Takes what one message of cargo says of a variant.
fn take(compiled: &mut BTreeMap<String, Compiled>, message: &Json) {
    let kind = &message["target"]["kind"][0];
    let is_ours = kind == "test" || kind == "bin";
    let Some(name) = message["target"]["name"].as_str().filter(|_| is_ours) else {
        return;
    };
    let one = compiled.entry(name.to_owned()).or_default();
    if let Some(program) = message["executable"].as_str() {
        one.program = Some(program.into());
    }
    let diagnostic = &message["message"];
    let Some(rendered) = diagnostic["rendered"].as_str() else {
        return;
    };
    let has_place = diagnostic["spans"]
        .as_array()
        .is_some_and(|all| !all.is_empty());
    let rendered = rendered.replace(&format!("{ROOTS}{}../", std::path::MAIN_SEPARATOR), "");
    let rendered = rendered.replace(&format!("{ROOTS}/../"), "");
    let mut spans = diagnostic["spans"].as_array().into_iter().flatten();
    let primary = spans.find(|span| span["is_primary"] == true);
    let file = primary.and_then(|span| span["file_name"].as_str());
    let in_check = file.is_some_and(|file| file.ends_with("check.rs"));
    match diagnostic["level"].as_str() {
        Some("error") if in_check => one.errors_in_check.push(rendered),
        Some("error") if has_place || diagnostic["code"].is_object() => {
            one.errors.push(rendered);
        }
        // An error without a place is either a summary or the only thing that is said.
        Some("error") if one.errors.is_empty() && one.errors_in_check.is_empty() => {
            one.errors.push(rendered);
        }
        Some("warning") if has_place => one.warnings.push(rendered),
        _ => {}
    }
}

/// The folder of the crate roots, in the folder of the package.
const ROOTS: &str = ".check";

/// The crate that joins an attempt and its check.
fn root_of(variant: &Variant, check: &Path, folder: &Path) -> String {
    // Relative where it can be: the path stands in what the compiler says.
    let file = variant.file.strip_prefix(folder).map_or_else(
        |_| variant.file.clone(),
        |inside| Path::new("..").join(inside),
    );
    // As a literal of Rust: a path of Windows has backslashes.
    let file = file.display().to_string();
    let check = check.display().to_string();
    format!(
        "// Made by `cargo run -p exercises`.\n\
         #![allow(dead_code)]\n\
         #[path = {file:?}]\n\
         mod exercise;\n\
         #[path = {check:?}]\n\
         mod check;\n"
    )
}

/// Dependencies, versions and profile are those of the workspace: cargo then has compiled them.
fn manifest(catalogue: &Catalogue, folder: &Path, variants: &[Variant]) -> Result<String> {
    let own: Table = read(&catalogue.package.join("Cargo.toml"))?.parse()?;
    let root: Table = read(&catalogue.package.join("../../Cargo.toml"))?.parse()?;
    let mut package = Table::new();
    // Cargo tells packages of one build folder apart by their names, and not by where they are.
    let mut hasher = DefaultHasher::new();
    folder.hash(&mut hasher);
    let name = format!("attempts-{:016x}", hasher.finish());
    package.insert("name".into(), name.into());
    package.insert("version".into(), "0.0.0".into());
    package.insert("publish".into(), false.into());
    for key in ["autobins", "autotests", "autoexamples", "autobenches"] {
        package.insert(key.into(), false.into());
    }
    let shared = &root["workspace"]["package"];
    package.insert("edition".into(), shared["edition"].clone());
    package.insert("rust-version".into(), shared["rust-version"].clone());

    let crates = own["package"]["metadata"]["exercises"]["crates"].as_array();
    let mut dependencies = Table::new();
    for name in crates.into_iter().flatten().filter_map(Value::as_str) {
        let dependency = if name == "exercises" {
            Value::Table(Table::from_iter([(
                "path".to_owned(),
                catalogue.package.display().to_string().into(),
            )]))
        } else {
            dependency(
                &root["workspace"]["dependencies"][name],
                &own["dependencies"][name],
            )
        };
        dependencies.insert(name.to_owned(), dependency);
    }
    let mut manifest = Table::new();
    manifest.insert("package".into(), package.into());
    manifest.insert("dependencies".into(), dependencies.into());
    for (kind, is_test) in [("test", true), ("bin", false)] {
        let all = variants.iter().filter(|one| one.check.is_some() == is_test);
        let targets: Vec<Value> = all.map(target).collect();
        manifest.insert(kind.into(), targets.into());
    }
    if let Some(profile) = root.get("profile") {
        manifest.insert("profile".into(), profile.clone());
    }
    let mut workspace = Table::new();
    workspace.insert("resolver".into(), root["workspace"]["resolver"].clone());
    manifest.insert("workspace".into(), workspace.into());
    Ok(toml::to_string(&manifest)?)
}

/// A variant, as a manifest has it.
fn target(variant: &Variant) -> Value {
    let path = match variant.check {
        Some(_) => format!("{ROOTS}/{}.rs", variant.name),
        None => variant.file.display().to_string(),
    };
    let mut target = Table::new();
    target.insert("name".into(), variant.name.clone().into());
    target.insert("path".into(), path.into());
    // Else `--tests` would make a test of a program, and run its harness instead.
    if variant.check.is_none() {
        target.insert("test".into(), false.into());
    }
    target.into()
}

/// A dependency as this package has it: the workspace's version, with the features of both.
fn dependency(of_workspace: &Value, own: &Value) -> Value {
    let mut merged = match of_workspace {
        Value::Table(table) => table.clone(),
        version => Table::from_iter([("version".to_owned(), version.clone())]),
    };
    let features = |value: &Value| {
        let features = value.get("features").and_then(Value::as_array);
        features.cloned().unwrap_or_default()
    };
    let all = [features(of_workspace), features(own)].concat();
    merged.insert("features".into(), all.into());
    merged.into()
}

/// Where this program was compiled to: `target` for `target/debug/exercises`.
pub(crate) fn target_folder() -> Result<PathBuf> {
    let program = std::env::current_exe().context("cannot find this program")?;
    // A test of this program lies one folder deeper, in `target/debug/deps`.
    let profile = program
        .ancestors()
        .skip(1)
        .find(|folder| folder.file_name().is_some_and(|name| name != "deps"));
    let target = profile.and_then(Path::parent);
    Ok(target
        .context("this program lies in no build folder")?
        .to_owned())
}

/// Whether the file had another text, or none. Cargo compiles anew what is written anew.
fn write_if_new(path: &Path, text: &str) -> Result<bool> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(false);
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}
