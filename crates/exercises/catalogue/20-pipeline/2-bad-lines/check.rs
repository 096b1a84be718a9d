use std::io;

use exercises::{check, same, wrong};
use futures::stream;
use tokio::io::BufReader;
use tokio_util::io::StreamReader;

use super::exercise::{Report, sum_up};

/// The report of `input`, which comes in pieces of so many bytes, and what was set aside.
async fn run(input: &[u8], piece: usize) -> (io::Result<Report>, Vec<u8>) {
    let mut bad = Vec::new();
    let report = sum_up(BufReader::with_capacity(piece, input), &mut bad).await;
    (report, bad)
}

/// Bytes as a person reads them: `Oslo;1\n`.
fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn report(good: usize, bad: usize, sum: i64) -> Report {
    Report {
        lines: good + bad,
        good,
        bad,
        sum,
    }
}

/// Nothing is wrong with the text of these lines and their ends, or only that.
async fn are_good(input: &[u8], good: usize, sum: i64) {
    for piece in [1, 3, 1000] {
        let (seen, bad) = run(input, piece).await;
        let what = format!("the report of \"{}\"", shown(input));
        same(what, seen.ok(), Some(report(good, 0, sum)));
        same("what was set aside", shown(&bad), "");
    }
}

#[test]
fn good_lines_end_in_lf_or_cr_lf() {
    check(async {
        are_good(b"", 0, 0).await;
        are_good(b"Oslo;-35\n", 1, -35).await;
        are_good(b"Oslo;-35\r\nRome;211\nLima;180\r\n", 3, 356).await;
        are_good("São Paulo;249\n".as_bytes(), 1, 249).await;
    });
}

#[test]
fn the_last_line_may_have_no_end() {
    check(async {
        for input in ["Oslo;-35\nRome;211", "Oslo;-35\nRome"] {
            let (seen, _) = run(input.as_bytes(), 1000).await;
            if let Ok(seen) = seen
                && seen.lines == 1
            {
                wrong(
                    "each-line-has-an-end",
                    format!(
                        "\"{}\" has two lines, and one was counted.",
                        shown(input.as_bytes())
                    ),
                );
            }
        }
        are_good(b"Oslo;-35\nRome;211", 2, 176).await;
    });
}

#[test]
fn bad_lines_are_set_aside_with_their_ends() {
    check(async {
        let input = b"Oslo\r\n\nRome;211\n;5\r\nLima;warm\n \nCairo;300\r\nPerth;";
        let expected = b"Oslo\r\n\n;5\r\nLima;warm\n \nPerth;";
        for piece in [1, 3, 1000] {
            let (seen, bad) = run(input, piece).await;
            let what = format!("the report of \"{}\"", shown(input));
            let seen = match seen {
                Ok(seen) => seen,
                Err(error) => wrong(
                    "a-bad-line-is-an-error",
                    format!("{what} is an error: {error}. All that was to follow is lost."),
                ),
            };
            if seen.lines == 7 {
                wrong(
                    "each-line-has-an-end",
                    format!(
                        "\"{}\" has eight lines, and seven were counted.",
                        shown(input)
                    ),
                );
            }
            same(what, seen, report(2, 6, 511));
            let lines = |bytes: &[u8]| -> Vec<String> {
                bytes.split(|&byte| byte == b'\n').map(shown_line).collect()
            };
            let (seen_lines, expected_lines) = (lines(&bad), lines(expected));
            if bad != expected && seen_lines.concat() == expected_lines.concat() {
                wrong(
                    "a-line-is-its-text",
                    format!(
                        "The bad lines were \"{}\", and \"{}\" was set aside: the same texts, and \
                         not the same ends.",
                        shown(expected),
                        shown(&bad)
                    ),
                );
            }
            same("what was set aside", shown(&bad), shown(expected));
        }
    });
}

fn shown_line(line: &[u8]) -> String {
    shown(line.strip_suffix(b"\r").unwrap_or(line))
}

#[test]
fn what_is_no_text_is_bad_and_keeps_its_bytes() {
    check(async {
        let input = b"Oslo;1\nK\xf6ln;2\nRome;4\n\xff\xfe\x00\nLima;8\n";
        let expected = b"K\xf6ln;2\n\xff\xfe\x00\n";
        for piece in [1, 3, 1000] {
            let (seen, bad) = run(input, piece).await;
            let seen = match seen {
                Ok(seen) => seen,
                Err(error) => wrong(
                    "a-bad-line-is-an-error",
                    format!(
                        "The second of five lines is not UTF-8. There is no report, but an error: \
                         {error}."
                    ),
                ),
            };
            if bad.windows(3).any(|three| three == "\u{fffd}".as_bytes()) || seen.good == 4 {
                wrong(
                    "lossy-is-close-enough",
                    format!(
                        "Of five lines two are not UTF-8. {} passed for good ones, and \"{}\" was set \
                         aside instead of \"{}\".",
                        seen.good,
                        shown(&bad),
                        shown(expected)
                    ),
                );
            }
            if seen.good + seen.bad < 5 {
                wrong(
                    "bad-lines-are-noise",
                    format!(
                        "There were five lines. The report says {} = {} good + {} bad.",
                        seen.lines, seen.good, seen.bad
                    ),
                );
            }
            same("the report of five lines", seen, report(3, 2, 13));
            same("what was set aside", shown(&bad), shown(expected));
        }
    });
}

#[test]
fn an_input_that_breaks_is_an_error() {
    check(async {
        let broken = || io::Error::new(io::ErrorKind::ConnectionReset, "the disk is gone");
        let pieces = [Ok(&b"Oslo;1\nRo"[..]), Err(broken())];
        let mut bad = Vec::new();
        let seen = sum_up(StreamReader::new(stream::iter(pieces)), &mut bad).await;
        let kind = seen.map_err(|error| error.kind());
        same(
            "the result, when the input breaks",
            kind,
            Err(io::ErrorKind::ConnectionReset),
        );
    });
}
