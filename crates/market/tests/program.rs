//! The program as a user starts it.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sample.csv");

fn market(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_market"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn report(arguments: &[&str]) -> String {
    let output = market(&[&["report"], arguments].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What comes after the line that says where the trades are from.
fn rest(report: &str) -> &str {
    report.split_once('\n').unwrap().1
}

#[test]
fn the_same_at_any_speed() {
    let expected = report(&["--trades", "3000", "--bars", "all"]);
    for speed in ["1000", "20000.5", "max"] {
        assert_eq!(
            report(&["--trades", "3000", "--bars", "all", "--speed", speed]),
            expected
        );
    }
    assert!(expected.contains("average of 5 bars went"), "{expected}");
}

#[test]
fn a_recording_is_as_good_as_the_exchange() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trades.csv");
    let file = file.to_str().unwrap();
    let recorded = market(&["record", file, "--trades", "5000", "--seed", "3"]);
    assert!(recorded.status.success(), "{recorded:?}");
    let replayed = report(&["--replay", file, "--bars", "all"]);
    let made = report(&["--trades", "5000", "--seed", "3", "--bars", "all"]);
    assert_eq!(rest(&replayed), rest(&made));
    assert_ne!(
        rest(&made),
        rest(&report(&["--trades", "5000", "--bars", "all"]))
    );
}

/// The sample says of itself how it was made.
#[test]
fn the_sample_is_what_it_says() {
    let sample = std::fs::read_to_string(SAMPLE)
        .unwrap()
        .replace("\r\n", "\n");
    assert!(sample.len() <= 60_000);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("again.csv");
    let seed = sample
        .split_once("seed ")
        .unwrap()
        .1
        .split(',')
        .next()
        .unwrap();
    let trades = (sample.lines().count() - 2).to_string();
    let recorded = market(&[
        "record",
        file.to_str().unwrap(),
        "--seed",
        seed,
        "--trades",
        &trades,
    ]);
    assert!(recorded.status.success(), "{recorded:?}");
    assert!(std::fs::read_to_string(file).unwrap() == sample);
}

#[test]
fn bad_lines_are_counted_and_the_first_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trades.csv");
    let trades =
        "time,symbol,price,volume\n1000,ACME,1,1\n2000,ACME,one,1\n3000,ACME\n4000,ACME,3,1\n";
    std::fs::write(&file, trades).unwrap();
    let report = report(&["--replay", file.to_str().unwrap()]);
    assert!(
        report.contains("trades 2, of these late 0; bars 1; alerts 1\n"),
        "{report}"
    );
    let expected = "bad lines 2, the first is line 3: the price is no positive number\n";
    assert!(report.contains(expected), "{report}");
}

/// Bytes that no clock and no float can have touched: another program in another language prints them
/// too.
#[test]
fn as_in_python() {
    let Some(python) = common::testing::python(&[]) else {
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/market.py");
    for arguments in [
        &["--trades", "4000", "--bars", "all"][..],
        &[
            "--replay",
            SAMPLE,
            "--bar",
            "0.7",
            "--lateness",
            "0",
            "--bars",
            "30",
        ],
        // A move within one bar that is longer than a minute, and no whole seconds.
        &["--bar", "90.5"],
    ] {
        let mut command = Command::new(&python);
        let output = command
            .args([script, "report"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let output = String::from_utf8(output.stdout)
            .unwrap()
            .replace("\r\n", "\n");
        assert!(output == report(arguments), "{arguments:?}");
    }
}

/// Lines that each is wrong in its own way: both programs refuse the same ones, in the same words.
#[test]
fn bad_lines_as_in_python() {
    let Some(python) = common::testing::python(&[]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let long = format!("{}{}", "# ".repeat(400), "x".repeat(200));
    let too_long = "9".repeat(1001);
    let lines: [&[u8]; 30] = [
        b"2026-01-05T24:00:00Z,A,1,1",
        b"2026-01-05T23:59:60Z,A,1,1",
        b"2026-02-29T00:00:00Z,A,1,1",
        b"2026-01-05T00:00:00+24:00,A,1,1",
        b"2026-01-05 00:00:00.1234567891Z,A,1,1",
        b"2026-01-05T00:00:00.999999999-23:59,A,1,1",
        b"9999-12-31T23:59:59-00:01,A,1,1",
        b"0001-01-01T00:00:00+23:59,A,1,1",
        b"253402300800000,A,1,1",
        b"999999999999999,A,1,1",
        b"1000000000000000,A,1,1",
        b"\xef\xbc\x91,A,1,1",
        b"1,\xff,1,1",
        b"1,A,\xd9\xa1,1",
        b"1,A,1.,1",
        b"1,A,0.00004,1",
        b"1,A,0.00005,1",
        b"1,A,1234567890,1",
        b"1,A,1,1234567890123",
        b"1,A,1.0000000000000000001,1",
        b"1,A,1,1\x1c",
        b"\x0b1,A,1,1",
        b"1,\xc2\xa0A,1,1",
        b" \t1 , A , 1 , 1 \r",
        b",,,",
        b"1,A,1",
        b"\"1\",A,1,1",
        b"1,ABCDEFGHIJKLMNOPQ,1,1",
        too_long.as_bytes(),
        long.as_bytes(),
    ];
    for (number, line) in lines.iter().enumerate() {
        let file = folder.path().join(format!("{number}.csv"));
        let content = [b"time,symbol,price,volume\n", *line, b"\n7,B,1,1\n"].concat();
        std::fs::write(&file, content).unwrap();
    }
    // One process for all of them.
    let all = "import sys\n\
               _, scripts, folder, count = sys.argv\n\
               sys.path.insert(0, scripts)\n\
               import market\n\
               for number in range(int(count)):\n    \
                   sys.argv = ['market.py', 'report', '--replay', f'{folder}/{number}.csv']\n    \
                   market.main()\n    \
                   print('--')\n";
    let folder = folder.path().to_str().unwrap();
    let count = lines.len().to_string();
    let mut command = Command::new(&python);
    command.args(["-B", "-c", all, env!("CARGO_MANIFEST_DIR"), folder, &count]);
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let output = String::from_utf8(output.stdout)
        .unwrap()
        .replace("\r\n", "\n");
    let reports: Vec<&str> = output.split("--\n").collect();
    for (number, line) in lines.iter().enumerate() {
        let file = format!("{folder}/{number}.csv");
        let line = String::from_utf8_lossy(line);
        assert_eq!(reports[number], report(&["--replay", &file]), "{line:?}");
    }
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (arguments, code) in [
        (&["--port", &port][..], 1),
        (&["--replay", "no/such/file"], 1),
        (&["report", "--replay", "no/such/file"], 1),
        (&["record", "no/such/folder/file"], 1),
        (
            &[
                "report",
                "--replay",
                concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
            ],
            2,
        ),
        (&["record"], 2),
        (&["reports"], 2),
        (&["report", "now"], 2),
        (&["--bar", "0"], 2),
        (&["--bar", "0.4"], 2),
        (&["--bar", "86401"], 2),
        (&["report", "--replay", SAMPLE, "--trades", "5"], 2),
        (&["record", "file.csv", "--replay", SAMPLE], 2),
        (&["--lateness", "-1"], 2),
        (&["--trades", "0"], 2),
        (&["--rate", "0"], 2),
        (&["--rate", "1001"], 2),
        (&["--streams", "0"], 2),
        (&["--speed", "0"], 2),
        (&["--speed", "nan"], 2),
        (&["--seed", "-1"], 2),
        (&["--bars", "few"], 2),
        (&["--head-start", "1e9"], 2),
    ] {
        let output = market(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{arguments:?}: {error}");
        assert!(error.starts_with("market: "), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_market"));
    command.args(["--port", "0"]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let begins = line.starts_with("Open http://127.0.0.1:")
        && line.ends_with(" in a browser. Ctrl-C ends.\n");
    assert!(common::testing::signal(child.id(), "INT"));
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    let status = child.wait().unwrap();
    assert!(begins, "{line}");
    assert_eq!((rest.as_str(), status.code()), ("Stopped.\n", Some(0)));
}
