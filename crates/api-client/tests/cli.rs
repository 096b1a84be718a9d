//! The program as a learner runs it: arguments, lists, exit codes, one line for each mistake.

#![expect(
    clippy::unwrap_used,
    reason = "a test may unwrap: its panic is its report"
)]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use support::{Server, command, lesson, run};

/// A file of this test run.
fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn urls_are_reported_in_their_order_and_success_is_exit_code_0() {
    let server = Server::start(None);
    let (slow, fast) = (server.url("/slow"), server.url("/fast"));
    let run = lesson(&[&slow, &fast]);
    let lines = run.lines();
    assert_eq!(lines.len(), 3, "{run:?}");
    assert!(
        lines[0].starts_with("200         4 bytes  ") && lines[0].ends_with(&slow),
        "{run:?}"
    );
    assert!(
        lines[1].starts_with("200         5 bytes  ") && lines[1].ends_with(&fast),
        "{run:?}"
    );
    assert!(
        lines[2].starts_with("2 ok, 0 failed, 2 connections, "),
        "{run:?}"
    );
    assert_eq!((run.code, run.err.as_str()), (0, ""));
}

#[test]
fn a_failure_is_exit_code_1_and_quiet_shows_only_failures() {
    let server = Server::start(None);
    let run = lesson(&[&server.url("/"), &server.url("/missing"), "--quiet"]);
    let lines = run.lines();
    assert_eq!(lines.len(), 2, "{run:?}");
    assert!(lines[0].starts_with("404         9 bytes  "), "{run:?}");
    assert!(lines[1].starts_with("1 ok, 1 failed, "), "{run:?}");
    assert_eq!((run.code, run.err.as_str()), (1, ""));
}

#[test]
fn without_urls_it_asks_its_own_endpoints() {
    // The endpoints take half a second and more, so all of them are given up.
    let run = lesson(&["--timeout", "0.05"]);
    let lines = run.lines();
    assert_eq!(lines.len(), 4, "{run:?}");
    for (line, path) in lines.iter().zip(["/data1", "/data2", "/data3"]) {
        assert!(
            line.starts_with("error  timed out after 0.05 s  http://127.0.0.1:"),
            "{line}"
        );
        assert!(line.ends_with(path), "{line}");
    }
    assert!(
        lines[3].starts_with("0 ok, 3 failed, 3 connections, "),
        "{run:?}"
    );
    assert_eq!(run.code, 1);
}

#[test]
fn trouble_is_one_line_for_each_endpoint() {
    let run = lesson(&["--trouble", "--timeout", "0.1"]);
    let lines = run.lines();
    assert_eq!(lines.len(), 13, "{run:?}");
    let paths = [
        "/data1", "/missing", "/broken", "/moved", "/silent", "/dribble", "/endless", "/hangup",
    ];
    for (line, path) in lines.iter().zip(paths) {
        assert!(line.contains(path), "{line}");
    }
    assert!(lines[10].ends_with("  http://no..such..host/"), "{run:?}");
    assert!(
        lines[11].starts_with("error  not a URL to fetch: "),
        "{run:?}"
    );
    assert!(lines[12].starts_with("0 ok, 12 failed, "), "{run:?}");
    assert_eq!((run.code, run.err.as_str()), (1, ""));
}

#[test]
fn connections_are_counted_shared_and_for_each_request() {
    let server = Server::start(None);
    let url = server.url("/");
    let in_turn = [&url, "--repeat", "20", "--one-by-one", "--quiet"];
    let shared = lesson(&in_turn);
    let begin = "20 ok, 0 failed, 1 connection, ";
    assert!(shared.out.starts_with(begin), "{shared:?}");
    assert_eq!(server.connections(), 1);

    let each = lesson(&[&in_turn[..], &["--per-request-client"]].concat());
    let begin = "20 ok, 0 failed, 20 connections, ";
    assert!(each.out.starts_with(begin), "{each:?}");
    assert_eq!(server.connections(), 21);
}

#[test]
fn lists_come_from_a_file_and_from_standard_input() {
    let server = Server::start(None);
    let list = format!("# a list\n\n{}\n  {}\n", server.url("/a"), server.url("/b"));
    let path = file("list.txt", &list);
    let path = path.to_str().unwrap();
    for arguments in [vec!["--file", path], vec!["--file", "-"], vec!["-"]] {
        let run = run(command(&arguments), &list);
        let lines = run.lines();
        assert_eq!(lines.len(), 3, "{arguments:?}: {run:?}");
        assert!(
            lines[0].ends_with("/a") && lines[1].ends_with("/b"),
            "{run:?}"
        );
        assert_eq!(run.code, 0);
    }
    // Arguments first, then the file.
    let both = run(command(&[&server.url("/c"), "--file", path]), "");
    assert!(both.lines()[0].ends_with("/c"), "{both:?}");
    assert_eq!(both.lines().len(), 4, "{both:?}");
}

#[test]
fn a_mistake_on_the_command_line_is_one_line_and_exit_code_2() {
    let empty = file("empty.txt", "# nothing\n");
    let empty = empty.to_str().unwrap();
    for (arguments, says) in [
        (vec!["--concurrency", "0"], "must be above 0"),
        (
            vec!["--concurrency", "many"],
            "--concurrency cannot be \"many\"",
        ),
        (vec!["--timeout", "0"], "must be above 0"),
        (vec!["--timeout", "-1"], "--timeout cannot be \"-1\""),
        (vec!["--max-bytes", "1.5"], "--max-bytes cannot be \"1.5\""),
        (vec!["--repeat", "0"], "--repeat 0 makes 0 requests"),
        (vec!["--repeat", "400000"], "1200000 requests"),
        (vec!["--file", "no-such-file"], "cannot read no-such-file"),
        (vec!["--file", empty], "there is no URL in"),
        (vec!["-"], "there is no URL in standard input"),
        (
            vec!["--trouble", "http://127.0.0.1/"],
            "--trouble brings its own URLs",
        ),
        (vec!["--instant"], "--instant"),
        (vec!["--nonsense"], "--nonsense"),
    ] {
        let run = lesson(&arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {run:?}");
        assert_eq!(run.out, "", "{arguments:?}");
        assert_eq!(run.err.lines().count(), 1, "{arguments:?}: {run:?}");
        assert!(
            run.err.starts_with("api-client: "),
            "{arguments:?}: {run:?}"
        );
        assert!(run.err.contains(says), "{arguments:?}: {run:?}");
    }
}

#[test]
fn the_help_names_every_flag() {
    let run = lesson(&["--help"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    for flag in [
        "--file FILE",
        "--concurrency N",
        "--timeout SECONDS",
        "--max-bytes N",
        "--repeat N",
        "--quiet",
        "--one-by-one",
        "--per-request-client",
        "--trouble",
        "[URL...]",
    ] {
        assert!(run.out.contains(flag), "{flag} is missing:\n{}", run.out);
    }
}

#[test]
fn a_reader_who_leaves_causes_no_panic() {
    let server = Server::start(None);
    let mut command = command(&[&server.url("/"), "--repeat", "2000"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("panicked"), "{said}");
    assert!(said.lines().count() <= 1, "{said}");
}

#[test]
fn https_is_trusted_as_ssl_cert_file_says() {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let ours = rcgen::generate_simple_self_signed(names.clone()).unwrap();
    let other = rcgen::generate_simple_self_signed(names).unwrap();
    let trusted = file("ours.pem", &ours.cert.pem());
    let untrusted = file("other.pem", &other.cert.pem());

    let key = PrivateKeyDer::try_from(ours.signing_key.serialize_der()).unwrap();
    let _ = ring::default_provider().install_default();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![ours.cert.der().clone()], key)
        .unwrap();
    let server = Server::start(Some(TlsAcceptor::from(Arc::new(config))));
    let plain = Server::start(None).url("/");
    let secure = format!("https://{}/", server.address);
    let with = |certificates: PathBuf| {
        let mut command = command(&[&secure, &plain]);
        command.env("SSL_CERT_FILE", certificates);
        command.env_remove("SSL_CERT_DIR");
        run(command, "")
    };

    let run = with(trusted);
    assert!(run.lines()[0].starts_with("200         5 bytes"), "{run:?}");
    assert_eq!(run.code, 0);

    let run = with(untrusted);
    let line = run.lines()[0];
    assert!(
        line.starts_with("error  TLS: invalid peer certificate: "),
        "{run:?}"
    );
    assert!(line.ends_with(&secure), "{run:?}");
    assert!(
        run.lines()[1].starts_with("200"),
        "the other request is unharmed: {run:?}"
    );
    assert_eq!((run.code, run.err.as_str()), (1, ""));

    let run = with("no-such-file.pem".into());
    let line = format!("error  TLS: invalid peer certificate: UnknownIssuer  {secure}");
    assert_eq!(run.lines()[0], line, "{run:?}");
    assert!(run.lines()[1].starts_with("200"), "{run:?}");
    assert!(
        run.err
            .starts_with("api-client: no https server will be trusted: "),
        "{run:?}"
    );
    assert_eq!((run.code, run.err.lines().count()), (1, 1), "{run:?}");
}
