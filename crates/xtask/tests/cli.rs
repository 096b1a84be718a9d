//! `cargo xtask` as a maintainer types it.

#![expect(
    clippy::unwrap_used,
    reason = "a test may unwrap, and so may its helpers: the panic is the report"
)]

use std::fs;
use std::process::{Command, Output};

fn xtask(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn help_names_every_command() {
    let output = xtask(&["help"]);
    assert!(output.status.success());
    for command in ["tutorials", "twins", "timeline", "draw", "help"] {
        let line = format!("cargo xtask {command}");
        assert!(text(&output.stdout).contains(&line), "{command}");
    }
    assert_eq!(xtask(&["--help"]), output);
}

#[test]
fn a_wrong_command_line_is_one_line_and_code_2() {
    for arguments in [
        &[][..],
        &["no-such-command"],
        &["draw"],
        &["draw", "--no-such-flag"],
        &["tutorials", "no-such-file.md"],
        &["tutorials", "Cargo.toml"],
        &["twins", "no-such-lesson"],
        &["timeline", "no-such-lesson"],
    ] {
        let output = xtask(arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{arguments:?}: {error}");
        assert!(error.starts_with("xtask: "), "{arguments:?}: {error}");
    }
}

#[test]
fn a_recording_is_drawn_as_text_and_as_svg() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let recording = common::timeline::Recording {
        language: "python".to_owned(),
        tasks: vec!["fetch_data(1)".to_owned()],
        events: vec![common::timeline::Event {
            at: std::time::Duration::ZERO,
            what: common::timeline::What::Created { task: 0, by: None },
        }],
        ..common::timeline::Recording::default()
    };
    fs::write(path("one.json"), recording.to_json()).unwrap();

    let output = xtask(&["draw", &path("one.json")]);
    assert!(text(&output.stdout).contains("fetch_data(1)"), "{output:?}");

    let output = xtask(&["draw", &path("one.json"), "--svg", &path("one.svg")]);
    assert!(output.status.success(), "{output:?}");
    let svg = fs::read_to_string(path("one.svg")).unwrap();
    assert!(svg.contains("fetch_data(1)"), "{svg}");

    fs::write(path("other.json"), "{}").unwrap();
    let output = xtask(&["draw", &path("other.json")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("is no recording"),
        "{output:?}"
    );
}
