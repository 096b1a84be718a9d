//! A server in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::sleep;

use super::Kind;

/// How long a handler may take, in seconds, where the lesson sets a limit. A request that waits 0.4
/// seconds must not be cut.
pub(super) const TIME_LIMIT: &str = "0.8";

/// How long a request head may take, in seconds, where the lesson sets a limit.
pub(super) const PATIENCE: &str = "0.5";

/// A running server. Killed when it is dropped.
pub(super) struct Server {
    child: Child,
    // Kept: a program that prints into a closed pipe is ended by it.
    _output: BufReader<ChildStdout>,
    pub(super) address: SocketAddr,
}

/// The Python that runs this kind, if one is needed and there is one.
fn python(kind: Kind) -> Option<PathBuf> {
    static AIOHTTP: OnceLock<Option<PathBuf>> = OnceLock::new();
    static TORNADO: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = match kind {
        Kind::Hyper | Kind::Axum => return None,
        Kind::Aiohttp => &AIOHTTP,
        Kind::Tornado => &TORNADO,
    };
    found
        .get_or_init(|| common::testing::python(&[kind.name()]))
        .clone()
}

/// Whether this kind can be started. If not, a line on standard error has said why.
pub(super) fn runs_here(kind: Kind) -> bool {
    matches!(kind, Kind::Hyper | Kind::Axum) || python(kind).is_some()
}

impl Server {
    /// Starts a server with the probes, and waits until it listens.
    ///
    /// Blocks the thread: nothing else is under way while servers start.
    pub(super) fn start(kind: Kind, defaults: bool) -> Result<Self, String> {
        Starting::new(kind, defaults)?.listens()
    }

    /// Asks it to stop, as Ctrl-C does. Whether that is possible on this system.
    #[cfg(unix)]
    pub(super) fn interrupt(&self) -> bool {
        common::testing::signal(self.child.id(), "INT")
    }

    /// Asks it to stop, as Ctrl-C does. Whether that is possible on this system.
    #[cfg(not(unix))]
    #[expect(clippy::unused_self, reason = "as the one above")]
    pub(super) fn interrupt(&self) -> bool {
        false
    }

    /// Its exit code, once it has ended; `None` if it does not within five seconds.
    pub(super) async fn ended(&mut self) -> Option<i32> {
        for _ in 0..100 {
            if let Ok(Some(status)) = self.child.try_wait() {
                return status.code();
            }
            sleep(Duration::from_millis(50)).await;
        }
        None
    }

    /// The CPU time it has used, where the system tells.
    pub(super) fn cpu(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // The second field is the program's name in brackets, in which blanks may stand.
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut fields = fields.split(' ').skip(11);
        let user: u64 = fields.next()?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        // In clock ticks. Linux has 100 in a second for all programs, whatever the kernel uses.
        Some(Duration::from_millis((user + system) * 10))
    }

    /// Its memory in KiB, where the system tells.
    pub(super) fn memory(&self) -> Option<u32> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    }
}

/// A server that may not listen yet, so that several can start at the same time.
pub(super) struct Starting {
    kind: Kind,
    child: Child,
}

impl Starting {
    /// Starts a server with the probes.
    pub(super) fn new(kind: Kind, defaults: bool) -> Result<Self, String> {
        let mut command = match (kind, python(kind)) {
            (Kind::Hyper | Kind::Axum, _) => {
                let program = std::env::current_exe().map_err(|error| error.to_string())?;
                let mut command = Command::new(program);
                command.args([kind.name(), "--patience", PATIENCE]);
                command
            }
            (_, Some(python)) => {
                let script = match kind {
                    Kind::Tornado => "with_tornado.py",
                    _ => "frameworks.py",
                };
                let mut command = Command::new(python);
                command.arg(format!("{}/{script}", env!("CARGO_MANIFEST_DIR")));
                command
            }
            (_, None) => return Err(format!("{} does not run here", kind.name())),
        };
        command.args(["--port", "0", "--probes", "--time-limit", TIME_LIMIT]);
        if defaults {
            command.arg("--defaults");
        }
        // Each of them writes to standard error of the handler that panics. That is as it should
        // be; a backtrace would hold up the thread for longer than some of the tests take.
        command.env("RUST_BACKTRACE", "0");
        command.stderr(Stdio::null()).stdout(Stdio::piped());
        let child = command.spawn();
        let child = child.map_err(|error| format!("cannot start {}: {error}", kind.name()))?;
        Ok(Self { kind, child })
    }

    /// Waits until it listens. Blocks the thread.
    pub(super) fn listens(mut self) -> Result<Server, String> {
        let mut line = String::new();
        let output = self.child.stdout.take().map(BufReader::new);
        if let Some(mut output) = output
            && output.read_line(&mut line).is_ok()
            && let Some(address) = line.trim_end().strip_prefix("Listening on http://")
            && let Ok(address) = address.parse()
        {
            return Ok(Server {
                child: self.child,
                _output: output,
                address,
            });
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let name = self.kind.name();
        Err(format!("{name} does not start: it says {line:?}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
