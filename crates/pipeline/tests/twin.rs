//! The program and its twin in Python say the same of the same bytes.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap, and so may its helpers: the panic is the report"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_pipeline");

fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// What a command prints, and that it ends well.
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Compares the reports, and the files with the bad lines.
fn compare(python: &Path, folder: &Path, arguments: &[&str]) {
    let (rust_bad, python_bad) = (folder.join("rust.txt"), folder.join("python.txt"));
    let rust = printed(
        Command::new(PROGRAM)
            .current_dir(folder)
            .args(["--top", "1000", "--bad"])
            .arg(&rust_bad)
            .args(["log", "log"]),
    );
    let python = printed(
        Command::new(python)
            .current_dir(folder)
            .arg(beside("pipeline.py"))
            .args(["--top", "1000", "--bad"])
            .arg(&python_bad)
            .args(["log", "log"])
            .args(arguments),
    );
    assert_eq!(rust, python);
    assert!(fs::read(rust_bad).unwrap() == fs::read(python_bad).unwrap());
}

#[test]
fn of_a_generated_log() {
    let Some(python) = common::testing::python(&[]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    // Longer than a chunk, so that batches are put together.
    let log = printed_bytes(&["generate", "--size", "900kB", "--bad-share", "0.1"]);
    fs::write(folder.path().join("log"), log).unwrap();
    compare(&python, folder.path(), &["--jobs", "2"]);
}

fn printed_bytes(arguments: &[&str]) -> Vec<u8> {
    Command::new(PROGRAM)
        .args(arguments)
        .output()
        .unwrap()
        .stdout
}

/// Records that were changed at random, with what parsers disagree about.
fn mutated() -> Vec<u8> {
    const RECORDS: [&str; 3] = [
        r#"{"client":"192.0.2.1","path":"/a?b=c","status":200,"bytes":10,"micros":20}"#,
        r#"{"client":"é","path":"/","status":304,"bytes":0,"micros":7,"n":[1,{"b":null}]}"#,
        r#"{ "client" : "c" , "path" : "/" , "status" : 599 , "bytes" : 0 , "micros" : 0 }"#,
    ];
    let deep = r#""x":"#.to_owned() + &"[".repeat(60);
    let digits = "9".repeat(5000);
    let long = "x".repeat(600_000);
    let pieces: [&[u8]; 40] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b"\\",
        b",",
        b":",
        b"\\u0041",
        b"\\ud800",
        b"\\ud83d\\ude00",
        b"0",
        b"-0",
        b"-0.0",
        b"1e5",
        b"1e999",
        b"-",
        b"null",
        b"NaN",
        b"-Infinity",
        b" ",
        b"\t",
        b"\r",
        b"\n",
        b"\r\n",
        b"\xff",
        b"\xc3\xa9",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\0",
        b"\xc2\xa0",
        b"\"status\":404",
        b"\"status\":\"x\"",
        b"\"bytes\":-0",
        b"\"micros\":1099511627777",
        b"\"a\\ud800\":1",
        b"\x1b",
        b"01",
        deep.as_bytes(),
        digits.as_bytes(),
    ];
    let mut state = 1_u64;
    let mut below = move |limit: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % limit
    };
    let mut all = Vec::new();
    for number in 0..4000 {
        let mut line = RECORDS[below(3)].as_bytes().to_vec();
        for _ in 0..below(4) {
            let at = below(line.len() + 1);
            let end = (at + [0, 0, 1, 2, 9][below(5)]).min(line.len());
            line.splice(at..end, pieces[below(pieces.len())].iter().copied());
        }
        if number == 2000 {
            line = long.clone().into_bytes();
        }
        all.append(&mut line);
        all.push(b'\n');
    }
    all.extend(b"{\"client\"");
    all
}

#[test]
fn of_a_log_that_is_full_of_traps() {
    let Some(python) = common::testing::python(&[]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("log"), mutated()).unwrap();
    compare(&python, folder.path(), &[]);
}

/// What `streams` prints in one language only, and why.
const DIFFERS: [(&str, &str, &str); 3] = [
    // A generator that nobody needs any more is closed by the loop, when its turn comes. A stream is
    // dropped.
    (
        " 2.0 s  use(2)\n 2.0 s  closed\n 2.0 s  after the loop\n",
        " 2.0 s  use(2)\n 2.0 s  after the loop\n 2.0 s  closed\n",
        "break",
    ),
    // In asyncio only a task can run beside others, and the loop runs every task.
    (
        " 4.0 s  timed out\n 4.5 s  the server accepts 3\n 5.0 s  answer 3\n",
        " 4.0 s  answer 2\n 4.5 s  the server accepts 3\n 7.0 s  answer 3\n",
        "starved",
    ),
    (
        "10.0 s  stuck, given up\n",
        " 2.5 s  row 2\n 4.0 s  row 3\n 4.5 s  the end\n",
        "deadlock",
    ),
];

#[test]
fn of_what_streams_do() {
    let Some(python) = common::testing::python(&[]) else {
        return;
    };
    let rust = printed(Command::new(PROGRAM).args(["streams", "--instant"]));
    let parts = rust.lines().filter_map(|line| line.strip_prefix("-- "));
    let mut twin = Command::new(python);
    twin.arg(beside("../common/timeline.py")).arg("--instant");
    let python = printed(twin.arg(beside("streams.py")).args(parts));

    let parts = |text: &str| -> Vec<String> { text.split("-- ").map(str::to_owned).collect() };
    let (rust, python) = (parts(&rust), parts(&python));
    assert_eq!(rust.len(), python.len());
    for (rust, python) in rust.iter().zip(&python) {
        let part = rust.lines().next().unwrap_or_default();
        let expected = match DIFFERS.iter().find(|(_, _, of)| *of == part) {
            Some((in_rust, in_python, _)) => {
                assert!(rust.contains(in_rust), "{rust}");
                rust.replace(in_rust, in_python)
            }
            None => rust.clone(),
        };
        assert_eq!(&expected, python);
    }
}
