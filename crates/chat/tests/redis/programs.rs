//! Programs that the tests start: a Redis, and servers of the chat that can be killed. They end with
//! the test, however that ends.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use tempfile::TempDir;

/// A program on a leash: a shell waits for the end of its input, which comes with our own end, and
/// kills the program then.
pub(crate) struct Leashed {
    shell: Child,
    leash: Option<ChildStdin>,
    pub(crate) output: BufReader<std::process::ChildStdout>,
}

impl Leashed {
    pub(crate) fn start(program: &Path, arguments: &[&str], folder: &Path) -> Self {
        let script = r#""$0" "$@" & read -r _; kill -9 $!; wait"#;
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).arg(program).args(arguments);
        shell
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let leash = shell.stdin.take();
        let output = BufReader::new(shell.stdout.take().unwrap());
        Self {
            shell,
            leash,
            output,
        }
    }

    /// Ends it as a power failure does.
    pub(crate) fn kill(&mut self) {
        drop(self.leash.take());
        self.shell.wait().unwrap();
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A Redis that keeps nothing on disk.
pub(crate) struct Redis {
    program: PathBuf,
    port: u16,
    running: Leashed,
    folder: TempDir,
}

impl Redis {
    /// Starts one, if Redis is installed.
    pub(crate) fn start() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let places = std::env::split_paths(&path);
        let program = places
            .map(|place| place.join("redis-server"))
            .find(|it| it.is_file());
        let Some(program) = program.filter(|_| cfg!(unix)) else {
            common::testing::skip("needs redis-server");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let running = run(&program, port, folder.path());
        Some(Self {
            program,
            port,
            running,
            folder,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    pub(crate) fn kill(&mut self) {
        self.running.kill();
    }

    /// Starts it again, with nothing in it.
    pub(crate) fn start_again(&mut self) {
        self.running = run(&self.program, self.port, self.folder.path());
    }

    /// Sends one command, and returns the answer as it comes.
    pub(crate) fn command(&self, command: &str) -> String {
        use std::io::Write as _;
        let mut stream = std::net::TcpStream::connect(self.address()).unwrap();
        stream
            .write_all(format!("{command}\r\nQUIT\r\n").as_bytes())
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

fn run(program: &Path, port: u16, folder: &Path) -> Leashed {
    let port = port.to_string();
    let arguments = ["--port", &port, "--bind", "127.0.0.1", "--save", ""];
    let mut running = Leashed::start(program, &arguments, folder);
    let mut line = String::new();
    while !line.contains("Ready to accept connections") {
        line.clear();
        assert!(
            running.output.read_line(&mut line).unwrap() > 0,
            "Redis ends"
        );
    }
    running
}

/// A server in a process of its own, on this Redis, and where it listens.
pub(crate) fn chat(redis: &Redis) -> (Leashed, SocketAddr) {
    let program = Path::new(env!("CARGO_BIN_EXE_chat"));
    let arguments = ["--port", "0", "--redis", &redis.url()];
    let mut server = Leashed::start(program, &arguments, Path::new("."));
    let mut line = String::new();
    server.output.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("Listening on http://").unwrap();
    (server, address.parse().unwrap())
}
