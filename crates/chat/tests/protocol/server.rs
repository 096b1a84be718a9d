//! A server in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::sleep;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Rust,
    Aiohttp,
}

impl Kind {
    /// Whether it can be started. If not, a line on standard error has said why.
    pub(crate) fn runs_here(self) -> bool {
        self == Self::Rust || python().is_some()
    }
}

/// A Python with aiohttp.
fn python() -> Option<PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON
        .get_or_init(|| common::testing::python(&["aiohttp"]))
        .clone()
}

/// A running server. It ends with this value; and with the test's process, however that ends.
pub(crate) struct Server {
    /// On Unix a shell that waits for the end of its input.
    child: Mutex<Child>,
    output: Mutex<Option<BufReader<ChildStdout>>>,
    id: u32,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts it on a free port, and waits until it listens.
    pub(crate) fn start(kind: Kind, flags: &[&str]) -> Self {
        let mut command = match kind {
            Kind::Rust => leashed(env!("CARGO_BIN_EXE_chat").into()),
            Kind::Aiohttp => {
                let mut command = leashed(python().unwrap());
                command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/chat.py"));
                // It logs each request that it cannot read.
                command.stderr(Stdio::null());
                command
            }
        };
        command.args(["--port", "0"]).args(flags);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let id = if cfg!(unix) {
            line(&mut output).parse().unwrap()
        } else {
            child.id()
        };
        let line = line(&mut output);
        let address = line.strip_prefix("Listening on http://");
        let address = address.unwrap_or_else(|| panic!("{kind:?} says {line:?}"));
        Self {
            address: address.parse().unwrap(),
            id,
            output: Some(output).into(),
            child: child.into(),
        }
    }

    /// A plain connection.
    pub(crate) async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Its memory in MiB, where the system tells.
    pub(crate) fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id)).ok()?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
        let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kibibytes / 1024)
    }

    /// Asks it to stop, as Ctrl-C does. Whether that is possible on this system.
    pub(crate) fn interrupt(&self) -> bool {
        #[cfg(unix)]
        let sent = common::testing::signal(self.id, "INT");
        #[cfg(not(unix))]
        let sent = false;
        sent
    }

    /// What else it prints before it ends, and its exit code.
    pub(crate) async fn ended(&self) -> (String, Option<i32>) {
        let mut output = self.output.lock().unwrap().take().unwrap();
        let (send, printed) = oneshot::channel();
        // A thread that nobody waits for, if the server should not end.
        thread::spawn(move || {
            let mut printed = String::new();
            output.read_to_string(&mut printed).unwrap();
            let _ = send.send(printed);
        });
        let printed = printed.await.unwrap();
        let mut child = self.child.lock().unwrap();
        drop(child.stdin.take());
        (printed, child.wait().unwrap().code())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap();
        drop(child.stdin.take());
        if cfg!(not(unix)) {
            let _ = child.kill();
        }
        let _ = child.wait();
    }
}

fn line(output: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// A command that is killed when its standard input ends, as it does when this process is gone.
fn leashed(program: PathBuf) -> Command {
    if cfg!(not(unix)) {
        return Command::new(program);
    }
    // The inner shell becomes the server, so it says its number before the server says anything.
    // The inner shell becomes the server, so it says its number before the server says anything.
    let script = r#"sh -c 'echo $$; exec "$0" "$@"' "$0" "$@" & exec >&- 2>&-
        read -r _; kill -KILL $!; wait $!"#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(program);
    shell
}

/// Waits for what no message tells.
pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    for _ in 0..1000 {
        if condition().await {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("it never comes to this: {what}");
}
