//! What `--waits` refuses, on the program itself.

use std::process::Command;

#[test]
fn what_waits_cannot_be_is_told_in_one_line() {
    for count in ["0", "5001"] {
        let mut lesson = Command::new(env!("CARGO_BIN_EXE_sync-vs-async"));
        let output = lesson.args(["--waits", count]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        let line = "sync-vs-async: --waits takes 1 to 5000\n";
        assert_eq!(String::from_utf8_lossy(&output.stderr), line);
    }
}
