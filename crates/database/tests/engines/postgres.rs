//! A PostgreSQL of the tests' own: in a temporary folder, on a free port, gone with the tests.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};
use tempfile::TempDir;

/// A server that runs for as long as this value, or this program, lives.
pub(crate) struct Postgres {
    /// Its standard input is the leash: the shell waits for its end.
    shell: Child,
    programs: PathBuf,
    port: u16,
    // Dropped after the server has ended.
    folder: TempDir,
}

impl Postgres {
    /// Makes a database cluster and starts its server, if PostgreSQL is installed.
    pub(crate) async fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        #[cfg(unix)]
        if is_root() {
            std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut initdb = as_nobody(Command::new(programs.join("initdb")));
        let options = [
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ];
        initdb
            .arg("-D")
            .arg(&data)
            .args(options)
            .current_dir(folder.path());
        let made = initdb.output().unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let port = free_port();
        let shell = spawn(&programs, folder.path(), port);
        let server = Self {
            shell,
            programs,
            port,
            folder,
        };
        server.wait_until_it_answers().await;
        Some(server)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Stops it at once, as a crash does: no transaction is finished, nothing is put in order. The
    /// data stay.
    pub(crate) fn crash(&mut self) {
        let mut leash = self.shell.stdin.take().unwrap();
        leash.write_all(b"keep\n").unwrap();
        self.shell.wait().unwrap();
    }

    /// Starts it again on the same data and the same port.
    pub(crate) async fn start_again(&mut self) {
        self.shell = spawn(&self.programs, self.folder.path(), self.port);
        self.wait_until_it_answers().await;
    }

    async fn wait_until_it_answers(&self) {
        sqlx::any::install_default_drivers();
        for _ in 0..1500 {
            if let Ok(connection) = AnyConnection::connect(&self.url("postgres")).await {
                connection.close().await.unwrap();
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let log = std::fs::read_to_string(self.folder.path().join("log"));
        panic!("PostgreSQL does not answer: {log:?}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// A new, empty database on a server that all tests share, if PostgreSQL is installed.
pub(crate) async fn database() -> Option<String> {
    static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    // Each test has a runtime of its own; the server must not depend on any of them.
    let server = tokio::task::spawn_blocking(|| {
        SERVER.get_or_init(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(Postgres::start())
        })
    });
    let server = server.await.unwrap().as_ref()?;
    let name = format!("test{}", NUMBER.fetch_add(1, Relaxed));
    let mut connection = AnyConnection::connect(&server.url("postgres"))
        .await
        .unwrap();
    let create = format!("CREATE DATABASE {name}");
    sqlx::query(AssertSqlSafe(create))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    Some(server.url(&name))
}

/// The shell ends the server when its input ends, and removes the folder: when the value is dropped,
/// and when the tests end, which drops no `static`.
fn spawn(programs: &Path, folder: &Path, port: u16) -> Child {
    let script = r#""$0" "$@" > log 2>&1 &
        read -r word; kill -QUIT $!; wait
        [ "$word" ] || rm -rf "$PWD""#;
    let mut shell = as_nobody(Command::new("sh"));
    shell.args(["-c", script]).arg(programs.join("postgres"));
    shell
        .arg("-D")
        .arg(folder.join("data"))
        .arg("-p")
        .arg(port.to_string());
    shell.args([
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        "unix_socket_directories=",
    ]);
    shell
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    shell.spawn().unwrap()
}

/// Where `initdb` and `postgres` are: the folder `PG_BIN`, the search path, or where Debian and Homebrew put
/// them.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named = std::env::var_os("PG_BIN").map(PathBuf::from);
    let mut places: Vec<_> = named
        .into_iter()
        .chain(std::env::split_paths(&path))
        .collect();
    for (parent, below) in [("/usr/lib/postgresql", "bin"), ("/opt/homebrew/opt", "bin")] {
        let versions = std::fs::read_dir(parent).into_iter().flatten().flatten();
        places.extend(versions.map(|version| version.path().join(below)));
    }
    let found = places
        .into_iter()
        .find(|place| place.join("initdb").is_file() && place.join("postgres").is_file());
    if found.is_none() || cfg!(not(unix)) {
        common::testing::skip("needs PostgreSQL's initdb (set PG_BIN to its folder)");
        return None;
    }
    found
}

#[cfg(unix)]
const NOBODY: u32 = 65534;

#[cfg(unix)]
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    // Who makes a file owns it.
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().metadata().unwrap().uid() == 0
}

/// PostgreSQL refuses to run as root.
fn as_nobody(mut command: Command) -> Command {
    #[cfg(unix)]
    if is_root() {
        use std::os::unix::process::CommandExt as _;
        command.uid(NOBODY).gid(NOBODY);
    }
    command.stdin(Stdio::null());
    command
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
