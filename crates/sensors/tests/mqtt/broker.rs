//! A mosquitto of the tests' own: in a temporary folder, on a free port, gone with the test.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::sleep;

/// A broker that runs for as long as this value, or this program, lives.
pub(crate) struct Broker {
    /// Its standard input is the leash: the shell waits for its end.
    shell: Option<Child>,
    program: PathBuf,
    pub(crate) port: u16,
    // Dropped after the broker has ended.
    folder: TempDir,
}

impl Broker {
    /// Starts a broker with these lines of configuration, if mosquitto is installed.
    pub(crate) async fn start(configuration: &str) -> Option<Self> {
        let program = program()?;
        let folder = tempfile::tempdir().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let lines = format!("listener {port} 127.0.0.1\nuser root\nlog_type none\n{configuration}");
        std::fs::write(folder.path().join("conf"), lines).unwrap();
        let mut broker = Self {
            shell: None,
            program,
            port,
            folder,
        };
        broker.start_again().await;
        Some(broker)
    }

    /// One that lets everybody in.
    pub(crate) async fn open() -> Option<Self> {
        Self::start("allow_anonymous true").await
    }

    pub(crate) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Ends it at once, as a crash does. It keeps nothing: retained messages are gone, too.
    pub(crate) fn crash(&mut self) {
        if let Some(mut shell) = self.shell.take() {
            drop(shell.stdin.take());
            shell.wait().unwrap();
        }
    }

    /// Starts it on the same port.
    pub(crate) async fn start_again(&mut self) {
        let script = r#""$0" -c conf > log 2>&1 &
            while read -r signal; do kill -"$signal" $!; done
            kill -KILL $!; wait"#;
        let mut shell = Command::new("sh");
        shell
            .args(["-c", script])
            .arg(&self.program)
            .current_dir(self.folder.path());
        shell.stdin(Stdio::piped()).stdout(Stdio::null());
        self.shell = Some(shell.spawn().unwrap());
        for _ in 0..1000 {
            if TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        let log = std::fs::read_to_string(self.folder.path().join("log"));
        panic!("mosquitto does not answer: {log:?}");
    }

    /// Makes it stand still, as a broker on a disk that hangs: it has its sockets, and reads none.
    pub(crate) fn freeze(&mut self, frozen: bool) {
        let word: &[u8] = if frozen { b"STOP\n" } else { b"CONT\n" };
        let leash = self.shell.as_mut().and_then(|shell| shell.stdin.as_mut());
        leash.unwrap().write_all(word).unwrap();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.crash();
    }
}

/// Where mosquitto is: what the environment variable `MOSQUITTO` names, the search path, or where
/// Debian and Homebrew put it.
fn program() -> Option<PathBuf> {
    let named = std::env::var_os("MOSQUITTO").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"].map(PathBuf::from));
    let found = named
        .into_iter()
        .chain(folders.map(|folder| folder.join("mosquitto")))
        .find(|program| program.is_file());
    if found.is_none() || cfg!(not(unix)) {
        common::testing::skip("needs the MQTT broker mosquitto (set MOSQUITTO to its path)");
        return None;
    }
    found
}
