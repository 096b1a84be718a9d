//! The repository: its packages, its programs, and where they are built.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use cargo_metadata::{MetadataCommand, TargetKind};
use serde_json::Value;

use crate::build::{self, Built};
use crate::command::Target;
use crate::process;

/// Packages that are tools and no lessons.
const TOOLS: [&str; 3] = ["common", "exercises", "xtask"];

/// What Python programs of this project import that Python does not bring.
const PYTHON_MODULES: [&str; 1] = ["aiohttp"];

/// A workspace with tutorials.
#[derive(Debug)]
pub struct Project {
    /// Where it stands.
    pub root: PathBuf,
    /// Where cargo keeps what it compiles.
    pub(crate) build_dir: PathBuf,
    /// Where the checks keep what they make: `target/replay`.
    pub(crate) scratch: PathBuf,
    /// Its packages, by name.
    pub packages: Vec<Package>,
    programs: OnceLock<Result<Built, String>>,
    /// By package, and whether it is a release build.
    alone: Mutex<HashMap<(String, bool), Result<Built, String>>>,
    help: Mutex<HashMap<PathBuf, String>>,
    pythons: Mutex<HashMap<Vec<&'static str>, Option<PathBuf>>>,
    curl: OnceLock<bool>,
    /// The copies of packages that have been made. Held while one is written: two chapters may
    /// want the same.
    pub(crate) copies: Mutex<BTreeSet<PathBuf>>,
}

/// A package of the workspace.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name, by which `cargo run -p` knows it.
    pub name: String,
    /// Its folder from the repository root, with `/`: `crates/gather`.
    pub folder: String,
    /// The program that `cargo run -p NAME` runs, if there is one.
    pub program: Option<String>,
    /// Whether it has programs at all.
    pub(crate) has_programs: bool,
    /// `[package.metadata]` of its manifest.
    pub metadata: Value,
}

impl Package {
    /// Its Python twin, from the repository root.
    #[must_use]
    pub fn twin(&self) -> String {
        format!("{}/{}.py", self.folder, self.name)
    }
}

impl Project {
    /// The project that this program belongs to.
    ///
    /// # Errors
    ///
    /// If cargo cannot read its manifests.
    pub fn this() -> Result<Self, String> {
        // What cargo says now, and not what it said when this was compiled: two checkouts that
        // share a build folder share this program.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR");
        let manifest = manifest.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest).ancestors().nth(2);
        Self::open(root.ok_or("this program has lost its repository")?)
    }

    /// The workspace in the folder `root`.
    ///
    /// # Errors
    ///
    /// If cargo cannot read its manifests.
    pub fn open(root: &Path) -> Result<Self, String> {
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .no_deps()
            .exec()
            .map_err(|error| error.to_string())?;
        let root = metadata.workspace_root.clone().into_std_path_buf();
        let mut packages: Vec<Package> = metadata
            .workspace_packages()
            .into_iter()
            .map(|package| {
                let folder = package.manifest_path.parent();
                let folder = folder.map(|folder| slashes(&root, folder.as_std_path()));
                let mut programs = package
                    .targets
                    .iter()
                    .filter(|target| target.kind.contains(&TargetKind::Bin))
                    .map(|target| target.name.clone());
                let first = programs.next();
                let has_programs = first.is_some();
                let only = first.filter(|_| programs.next().is_none());
                Package {
                    has_programs,
                    name: package.name.to_string(),
                    folder: folder.unwrap_or_default(),
                    program: package.default_run.clone().or(only),
                    metadata: package.metadata.clone(),
                }
            })
            .collect();
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        let target = metadata.target_directory.clone().into_std_path_buf();
        let build_dir = metadata
            .build_directory
            .map_or_else(|| target.clone(), Into::into);
        Ok(Self {
            scratch: target.join("replay"),
            build_dir,
            root,
            packages,
            programs: OnceLock::new(),
            alone: Mutex::default(),
            help: Mutex::default(),
            pythons: Mutex::default(),
            curl: OnceLock::new(),
            copies: Mutex::default(),
        })
    }

    /// The same project, with other folders to build in.
    #[must_use]
    pub fn built_in(self, target: &Path) -> Self {
        Self {
            build_dir: target.to_owned(),
            scratch: target.join("replay"),
            ..self
        }
    }

    /// The package called `name`.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn package(&self, name: &str) -> Result<&Package, String> {
        let package = self.packages.iter().find(|package| package.name == name);
        package.ok_or_else(|| format!("there is no package {name}"))
    }

    /// The packages that teach: those with a program, without the tools.
    pub fn lessons(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| package.has_programs)
            .filter(|package| !TOOLS.contains(&package.name.as_str()))
    }

    /// The package in whose folder the file at `path` stands.
    pub(crate) fn package_of(&self, path: &str) -> Option<&Package> {
        self.packages.iter().find(|package| {
            path.strip_prefix(package.folder.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// The text of a file, from the repository root.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<String> {
        let text = fs::read_to_string(self.root.join(path)).ok()?;
        Some(text.replace("\r\n", "\n"))
    }

    /// All programs of the workspace, built once for each `Project`; where a package does not
    /// compile, those of the others.
    ///
    /// # Errors
    ///
    /// If cargo cannot be run.
    pub(crate) fn programs(&self) -> Result<&Built, String> {
        let built = self.programs.get_or_init(|| {
            let arguments = [
                "build",
                "--workspace",
                "--bins",
                "--examples",
                "--keep-going",
            ];
            let cargo = build::cargo(self, &self.scratch.join("programs"));
            build::build(cargo, &arguments)
        });
        built.as_ref().map_err(Clone::clone)
    }

    /// Where the program of a package is, built together with all others.
    ///
    /// # Errors
    ///
    /// If it does not build, or there is no such program.
    pub(crate) fn program(&self, package: &str, target: &Target) -> Result<PathBuf, String> {
        self.programs()?.executable(self.package(package)?, target)
    }

    /// Where the program of a package is, built as `cargo run -p` builds it: its dependencies have
    /// no feature that only another package asks for. With the features, sizes of types change.
    ///
    /// # Errors
    ///
    /// If it does not build, or there is no such program.
    pub(crate) fn program_alone(
        &self,
        package: &str,
        target: &Target,
        release: bool,
    ) -> Result<PathBuf, String> {
        let package = self.package(package)?;
        let mut alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (package.name.clone(), release);
        let built = alone.entry(key).or_insert_with(|| {
            let mut arguments = vec!["build", "-p", &package.name, "--bins", "--examples"];
            if release {
                arguments.push("--release");
            }
            let cargo = build::cargo(self, &self.scratch.join("alone"));
            build::build(cargo, &arguments)
        });
        let built = built.as_ref().map_err(Clone::clone)?;
        built.executable(package, target)
    }

    /// Whether the `--help` of a program offers `flag`.
    pub(crate) fn offers(&self, program: &Path, flag: &str) -> bool {
        self.help(program).contains(flag)
    }

    fn help(&self, program: &Path) -> String {
        let known = self.help.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(help) = known.get(program) {
            return help.clone();
        }
        drop(known);
        let mut command = self.command(program);
        command.arg("--help");
        let help = process::run(command, None, false, Duration::from_secs(10));
        let help = help.map_or_else(|_| String::new(), |output| output.lines.join("\n"));
        let mut known = self.help.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(program.to_owned(), help.clone());
        help
    }

    /// A Python that can run `script`, or `None`, which has then been said.
    pub(crate) fn python_for(&self, script: &str) -> Option<PathBuf> {
        let text = self.read(script).unwrap_or_default();
        let imports = |module: &&'static str| {
            let (import, from) = (format!("import {module}"), format!("from {module}"));
            text.lines()
                .map(str::trim_start)
                .any(|line| line.starts_with(&import) || line.starts_with(&from))
        };
        let modules: Vec<_> = PYTHON_MODULES.into_iter().filter(imports).collect();
        let mut pythons = self.pythons.lock().unwrap_or_else(PoisonError::into_inner);
        pythons
            .entry(modules)
            .or_insert_with_key(|modules| common::testing::python(modules))
            .clone()
    }

    /// Whether there is a `curl`. If not, that has been said.
    pub(crate) fn has_curl(&self) -> bool {
        *self.curl.get_or_init(|| {
            let mut command = self.command("curl");
            command.arg("--version");
            let found = process::run(command, None, false, Duration::from_secs(10)).is_ok();
            if !found {
                common::testing::skip("needs curl");
            }
            found
        })
    }

    /// A command as every replay runs it: from the repository root, with nothing to read, without
    /// colour, and without the settings of whoever runs the checks.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        command.env("NO_COLOR", "1");
        // What a test prints comes in the same order each time.
        command.env("RUST_TEST_THREADS", "1");
        // Python holds its output back when nobody watches, leaves files beside its sources, and
        // asks Windows which letters there are.
        command.env("PYTHONUNBUFFERED", "1");
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("PYTHONUTF8", "1");
        for name in [
            "RUST_BACKTRACE",
            "RUST_LIB_BACKTRACE",
            "RUST_LOG",
            "PYTHONASYNCIODEBUG",
            "PYTHONDEVMODE",
            "PYTHONWARNINGS",
            "DATABASE_URL",
            "EXERCISES_PROTOCOL",
            "COLUMNS",
            "CLICOLOR_FORCE",
            "FORCE_COLOR",
        ] {
            command.env_remove(name);
        }
        command
    }
}

/// The path from `root`, with `/` on every system.
pub(crate) fn slashes(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}
