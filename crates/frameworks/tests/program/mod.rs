//! A server in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// A running server. Killed when the test ends, however it ends.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// This script of the lesson, or nothing where Python or its framework is missing.
    pub(crate) fn python(script: &str, framework: &str) -> Option<Self> {
        let python = common::testing::python(&[framework])?;
        let mut command = Command::new(python);
        command.arg(format!("{}/{script}", env!("CARGO_MANIFEST_DIR")));
        command.args(["--port", "0", "--probes", "--time-limit", "0.3"]);
        // What it logs of the exception that a step provokes is of no interest here.
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("Listening on http://");
        let address = address.unwrap_or_else(|| panic!("{line:?}"));
        let address = address.parse().unwrap();
        Some(Self { child, address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
