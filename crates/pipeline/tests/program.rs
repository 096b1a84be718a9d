//! The program as a reader runs it.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap, and so may its helpers: the panic is the report"
)]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const GOOD: &str = r#"{"client":"a","path":"/","status":200,"bytes":1,"micros":1}"#;

fn pipeline(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    command.args(arguments).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    pipeline(arguments).output().unwrap()
}

fn in_folder(folder: &Path, arguments: &[&str]) -> Output {
    pipeline(arguments).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Fails in one line that begins so, with this exit code, and prints no report.
fn fails(output: &Output, code: i32, start: &str) {
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(errors.starts_with(start), "{errors}");
    assert_eq!(errors.matches('\n').count(), 1, "{errors}");
}

#[test]
fn the_sample_is_read_if_nothing_is_named() {
    let output = run(&["--instant"]);
    assert!(output.status.success());
    let report = text(&output.stdout);
    assert!(
        report.starts_with("301 lines = 268 good + 33 bad\n"),
        "{report}"
    );
    assert!(report.ends_with("\n244 lookups, 4 failed\n"), "{report}");
}

#[test]
fn a_mistake_on_the_command_line_is_one_line() {
    for arguments in [
        &["--jobs", "0"][..],
        &["--jobs", "513"],
        &["--lookups", "-1"],
        &["--top", "x"],
        &["--size", "1GB"],
        &["generate", "--stats"],
        &["generate", "--lines", "0"],
        &["generate", "--size", "1.5GB"],
        &["generate", "--bad-share", "NaN"],
        &["generate", "file"],
        &["streams", "--seed", "1"],
        &["streams", "nothing"],
    ] {
        let output = run(arguments);
        fails(&output, 2, "pipeline: ");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn an_input_that_cannot_be_read_is_told_before_anything_is_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("good"), GOOD).unwrap();
    for (arguments, start) in [
        (&["good", "missing"][..], "pipeline: cannot read missing: "),
        (&["good", "."], "pipeline: cannot read .: it is a directory"),
        (&["good", "--bad", "."], "pipeline: cannot write .: "),
        (
            &["good", "--bad", "no/bad"],
            "pipeline: cannot write no/bad: ",
        ),
        (
            &["--bad", "good", "good"],
            "pipeline: --bad good would overwrite",
        ),
    ] {
        let output = in_folder(folder.path(), arguments);
        fails(&output, 1, start);
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert_eq!(
        fs::read_to_string(folder.path().join("good")).unwrap(),
        GOOD
    );
}

#[cfg(unix)]
#[test]
fn a_file_without_permission_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, GOOD).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    let output = in_folder(folder.path(), &["secret"]);
    if fs::File::open(&path).is_ok() {
        // The administrator may read everything.
        assert!(output.status.success());
    } else {
        fails(&output, 1, "pipeline: cannot read secret: ");
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_the_input_is_the_input() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("log"), GOOD).unwrap();
    std::os::unix::fs::symlink("log", folder.path().join("symbolic")).unwrap();
    fs::hard_link(folder.path().join("log"), folder.path().join("hard")).unwrap();
    for bad in ["symbolic", "hard"] {
        let output = in_folder(folder.path(), &["log", "--bad", bad]);
        fails(&output, 1, "pipeline: --bad log would overwrite");
    }
}

#[test]
fn bad_lines_are_set_aside_as_they_came() {
    let folder = tempfile::tempdir().unwrap();
    let very_long = "x".repeat(2_000_000);
    let mut log = format!("\u{feff}{GOOD}\r\n\n{{\r\n{GOOD}\n{very_long}\n").into_bytes();
    log.extend(b"\"\xff\"\n[]\n{\"client\":");
    fs::write(folder.path().join("log"), &log).unwrap();
    let output = in_folder(folder.path(), &["log", "log", "--bad", "bad"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report = text(&output.stdout);
    let start = "\
16 lines = 4 good + 12 bad
  empty                  2   the first at log:2
  too long               2   the first at log:5
  not UTF-8              2   the first at log:6
  not JSON               2   the first at log:3
  cut off                2   the first at log:8
  field missing          2   the first at log:7
of the good ones 2 ended in CR LF
of the good ones 2 began with a byte order mark
";
    assert!(report.starts_with(start), "{report}");
    let mut expected = b"log:2\tempty\t\nlog:3\tnot JSON\t{\r\nlog:5\ttoo long\t".to_vec();
    expected.extend(very_long.as_bytes());
    expected.extend(b"\nlog:6\tnot UTF-8\t\"\xff\"\nlog:7\tfield missing\t[]\n");
    expected.extend(b"log:8\tcut off\t{\"client\":\n");
    let bad = fs::read(folder.path().join("bad")).unwrap();
    assert!(bad == expected.repeat(2), "{}", text(&bad[..200]));
}

#[test]
fn bad_lines_can_be_printed_above_the_report() {
    let arguments = ["-", "--bad", "-"];
    let output = with_input(&arguments, "GET /\n\n");
    let printed = text(&output.stdout);
    let start = "(standard input):1\tnot JSON\tGET /\n(standard input):2\tempty\t\n2 lines = ";
    assert!(printed.starts_with(start), "{printed}");
}

#[test]
fn a_log_is_written_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["generate", "--lines", "3", "--bad-share", "0"];
    let printed = run(&arguments).stdout;
    let to_a_file = [&arguments[..], &["--output", "log"]].concat();
    assert!(in_folder(folder.path(), &to_a_file).stdout.is_empty());
    assert_eq!(fs::read(folder.path().join("log")).unwrap(), printed);
}

#[test]
fn an_empty_input_has_a_report() {
    let output = run(&["-"]);
    assert!(output.status.success());
    assert_eq!(
        text(&output.stdout),
        "0 lines = 0 good + 0 bad\n0 lookups, 0 failed\n"
    );
}

#[test]
fn a_name_cannot_command_the_terminal() {
    let output = with_input(&["-"], &GOOD.replace("\"/\"", r#""/\u001b[2J\u009b""#));
    let report = text(&output.stdout);
    assert!(!report.contains(['\u{1b}', '\u{9b}']), "{report:?}");
    assert!(report.contains("/\u{fffd}[2J\u{fffd}"), "{report}");
}

fn with_input(arguments: &[&str], input: &str) -> Output {
    let mut child = pipeline(arguments).stdin(Stdio::piped()).spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_reader_that_has_gone_is_told() {
    for arguments in [&["--instant"][..], &["generate", "--lines", "20000"]] {
        let mut child = pipeline(arguments).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        fails(&output, 1, "pipeline: cannot write the ");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let output = pipeline(&["--instant"]).stdout(full()).output().unwrap();
    fails(&output, 1, "pipeline: cannot write the report: ");
    let output = pipeline(&["generate"]).stdout(full()).output().unwrap();
    fails(&output, 1, "pipeline: cannot write the log: ");
    let arguments = ["generate", "--output", "/dev/full"];
    fails(&run(&arguments), 1, "pipeline: cannot write /dev/full: ");
    let output = run(&["--instant", "--bad", "/dev/full"]);
    fails(&output, 1, "pipeline: cannot write /dev/full: ");
    let report = text(&output.stdout);
    assert!(
        report.starts_with("INCOMPLETE: cannot write /dev/full: "),
        "{report}"
    );
}

/// Ctrl-C while the program waits for more on its standard input, which stays open.
#[cfg(unix)]
fn interrupted(mut command: Command) -> Output {
    let lines = format!("{GOOD}\n").repeat(5000);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A pipe holds 64 kilobytes. When the last of 300 are written, the program has read often, and
    // so it listens for Ctrl-C, too.
    stdin.write_all(lines.as_bytes()).unwrap();
    assert!(common::testing::signal(child.id(), "INT"));
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    output
}

/// What it prints then: a balanced report of the lines that it had read.
#[cfg(unix)]
fn reports_what_it_had_read(output: &Output) {
    let (report, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(130), "{report}{errors}");
    let mut lines = report.lines();
    assert_eq!(lines.next(), Some("INCOMPLETE: stopped before the end"));
    let read = lines.next().unwrap().split(' ').next().unwrap();
    assert!((3000..=5000).contains(&read.parse().unwrap()), "{report}");
    assert!(report.contains(&format!("{read} lines = {read} good + 0 bad\n")));
    assert!(report.ends_with("\n1 lookups, 0 failed\n"), "{report}");
    assert!(
        errors.ends_with(": stopping; the report is of what was read\n"),
        "{errors}"
    );
    assert_eq!(errors.matches('\n').count(), 1, "{errors}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_reading_and_reports() {
    reports_what_it_had_read(&interrupted(pipeline(&["-"])));
}

#[cfg(unix)]
#[test]
fn ctrl_c_does_the_same_in_python() {
    let Some(python) = common::testing::python(&[]) else {
        return;
    };
    let mut command = Command::new(python);
    command.args([
        concat!(env!("CARGO_MANIFEST_DIR"), "/pipeline.py"),
        "-",
        "--jobs",
        "0",
    ]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    reports_what_it_had_read(&interrupted(command));
}
