//! What tests of several crates share: programs that may be missing.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

#[cfg(feature = "browser")]
pub mod browser;

/// Says on standard error that something is not checked, and why.
///
/// The line is seen although the test harness captures what a passing test prints.
///
/// # Panics
///
/// If the environment variable `NO_SKIP` is set: where everything is installed, nothing may be
/// left out.
pub fn skip(reason: &str) {
    // Not `eprintln!`: the harness captures that.
    let _ = writeln!(std::io::stderr(), "SKIP: {reason}");
    let forbidden = std::env::var_os("NO_SKIP").is_some_and(|v| !v.is_empty());
    assert!(!forbidden, "nothing may be skipped here, but: {reason}");
}

/// A Python of version 3.11 or later that can import `modules`: the one that the environment
/// variable `PYTHON` names, else `python3`, else `python`.
///
/// Without one, [`skip`]s and returns `None`.
///
/// # Panics
///
/// As [`skip`] does.
#[must_use]
pub fn python(modules: &[&str]) -> Option<PathBuf> {
    let named = std::env::var_os("PYTHON").filter(|v| !v.is_empty());
    let candidates = match named {
        Some(python) => vec![PathBuf::from(python)],
        None => vec!["python3".into(), "python".into()],
    };
    let imports: String = modules
        .iter()
        .map(|module| format!("import {module}\n"))
        .collect();
    let check = format!("import sys\nassert sys.version_info >= (3, 11)\n{imports}");
    let found = candidates.into_iter().find(|python| {
        let mut command = Command::new(python);
        command.args(["-c", &check]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    });
    if found.is_none() {
        let with: String = modules
            .iter()
            .map(|module| format!(" with {module}"))
            .collect();
        skip(&format!(
            "needs Python 3.11 or later{with} (set PYTHON to name one)"
        ));
    }
    found
}

/// Sends the process `id` a signal, such as `INT` or `TERM`. Whether it could be sent.
///
/// By the shell, because a small system has no program called `kill`, and every shell has the
/// command.
#[cfg(unix)]
#[must_use]
pub fn signal(id: u32, name: &str) -> bool {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("kill -{name} {id}")]);
    shell.stderr(Stdio::null());
    shell.status().is_ok_and(|status| status.success())
}
