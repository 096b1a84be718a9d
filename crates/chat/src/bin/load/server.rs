//! A server in a process of its own, and what the system says of a process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As `cargo run -p chat` starts it: a thread for each core.
    Rust,
    /// With one thread, as Python has one.
    RustOneThread,
    /// `chat.py`.
    Aiohttp,
    /// `chat.py --batch`, which goes around aiohttp to write many frames at once.
    AiohttpBatch,
}

/// All of them, in the order of the columns.
pub(crate) const KINDS: [Kind; 4] = [
    Kind::Rust,
    Kind::RustOneThread,
    Kind::Aiohttp,
    Kind::AiohttpBatch,
];

/// The kinds of a list such as `rust,aiohttp`, in the order of [`KINDS`]; or the name that is none.
pub(crate) fn kinds(names: &str) -> Result<Vec<Kind>, String> {
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    match names
        .iter()
        .find(|name| KINDS.iter().all(|kind| kind.name() != **name))
    {
        Some(unknown) => Err((*unknown).to_owned()),
        None => Ok(KINDS
            .into_iter()
            .filter(|kind| names.contains(&kind.name()))
            .collect()),
    }
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::RustOneThread => "rust-1",
            Self::Aiohttp => "aiohttp",
            Self::AiohttpBatch => "aiohttp-batch",
        }
    }

    fn is_python(self) -> bool {
        matches!(self, Self::Aiohttp | Self::AiohttpBatch)
    }

    /// Whether it can be started. If not, a line on standard error has said why.
    pub(crate) fn runs_here(self) -> bool {
        !self.is_python() || python().is_some()
    }
}

fn python() -> Option<PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON
        .get_or_init(|| common::testing::python(&["aiohttp"]))
        .clone()
}

/// A running server. It ends with this value; and with this program, however that ends.
pub(crate) struct Server {
    /// On Unix a shell that waits for the end of its input.
    child: Child,
    // Kept: a program that prints into a closed pipe is ended by it.
    _output: BufReader<ChildStdout>,
    id: u32,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a server without limits of speed, and waits until it listens.
    ///
    /// Blocks the thread: nothing else is under way while servers start.
    pub(crate) fn start(kind: Kind) -> Result<Self, String> {
        let text = |error: std::io::Error| format!("cannot start {}: {error}", kind.name());
        let mut command = if kind.is_python() {
            let mut command = leashed(python().ok_or("there is no Python with aiohttp")?);
            command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/chat.py"));
            command.args(["--port", "0", "--burst", "0", "--max-connections", "100000"]);
            if kind == Kind::AiohttpBatch {
                command.arg("--batch");
            }
            command
        } else {
            let mut command = leashed(std::env::current_exe().map_err(text)?);
            command.arg("serve");
            if kind == Kind::RustOneThread {
                command.env("TOKIO_WORKER_THREADS", "1");
            }
            command
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(text)?;
        let output = child.stdout.take().ok_or("no standard output")?;
        let mut output = BufReader::new(output);
        let mut line = || {
            let mut line = String::new();
            output.read_line(&mut line).map_err(text)?;
            Ok::<String, String>(line.trim_end().to_owned())
        };
        let id = if cfg!(unix) {
            line()?.parse().ok()
        } else {
            Some(child.id())
        };
        let line = line()?;
        let address = line.strip_prefix("Listening on http://");
        if let Some(address) = address.and_then(|address| address.parse().ok())
            && let Some(id) = id
        {
            return Ok(Self {
                child,
                _output: output,
                id,
                address,
            });
        }
        let _ = child.kill();
        let _ = child.wait();
        Err(format!("{} does not start: it says {line:?}", kind.name()))
    }

    /// The CPU time it has used, where the system tells.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        cpu(&self.id.to_string())
    }

    /// Its memory in bytes, where the system tells.
    pub(crate) fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id)).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        if cfg!(not(unix)) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// The CPU time that this program has used, where the system tells.
pub(crate) fn own_cpu() -> Option<Duration> {
    cpu("self")
}

fn cpu(process: &str) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in brackets, in which blanks may stand.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    // In clock ticks. Linux has 100 in a second for all programs, whatever the kernel uses.
    Some(Duration::from_millis((user + system) * 10))
}

/// A command that is killed when its standard input ends, as it does when this program is gone.
fn leashed(program: PathBuf) -> Command {
    if cfg!(not(unix)) {
        return Command::new(program);
    }
    // The inner shell becomes the server, so it says its number before the server says anything.
    let script = r#"sh -c 'echo $$; exec "$0" "$@"' "$0" "$@" & exec >&- 2>&-
        read -r _; kill -KILL $!; wait $!"#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(program);
    shell
}
