use std::cell::RefCell;
use std::time::Duration;

use exercises::{check, same, wrong};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

use super::exercise::{MAX, talk};

const TOO_LONG: &str = "TooLong";

/// What was handed on.
#[derive(Debug)]
struct Heard {
    lines: Vec<String>,
    /// The last time before the device closed the connection.
    before_the_end: Vec<String>,
    pings: usize,
}

/// A device that sends pieces, each after so many milliseconds, and closes the connection. It reads
/// whatever it is told.
async fn hear<P: AsRef<[u8]>>(pieces: impl IntoIterator<Item = (u64, P)>) -> Heard {
    let (gateway, device) = tokio::io::duplex(64 * 1024);
    let (mut reader, mut writer) = tokio::io::split(device);
    let lines = RefCell::new(Vec::new());
    let before_the_end = RefCell::new(Vec::new());
    let send = async {
        for (pause, piece) in pieces {
            sleep(Duration::from_millis(pause)).await;
            // Whoever does not listen any more is found out by what is missing.
            let _ = writer.write_all(piece.as_ref()).await;
        }
        sleep(Duration::from_millis(1)).await;
        *before_the_end.borrow_mut() = lines.borrow().clone();
        let _ = writer.shutdown().await;
    };
    let listen = async {
        let mut told = String::new();
        let _ = reader.read_to_string(&mut told).await;
        told.lines().filter(|&line| line == "ping").count()
    };
    let talk = async {
        let ended = talk(gateway, |line| {
            let line = line.unwrap_or_else(|_| TOO_LONG.to_owned());
            lines.borrow_mut().push(line);
        });
        let ended = timeout(Duration::from_secs(3000), ended).await;
        assert!(
            ended.is_ok(),
            "The device has closed the connection, and `talk` does not end."
        );
    };
    let ((), (), pings) = tokio::join!(talk, send, listen);
    Heard {
        lines: lines.into_inner(),
        before_the_end: before_the_end.into_inner(),
        pings,
    }
}

#[test]
fn a_line_may_come_in_pieces() {
    check(async {
        let pieces = [(1, "temperature 2"), (300, "1.5\nhumid"), (300, "ity 40\n")];
        let heard = hear(pieces).await;
        if heard
            .lines
            .first()
            .is_some_and(|line| line == "temperature 2")
        {
            wrong(
                "a-read-is-a-message",
                format!(
                    "\"temperature 21.5\" came in two pieces, and the first was taken for a line: \
                     two degrees. In all {:?} was handed on.",
                    heard.lines
                ),
            );
        }
        same(
            "the lines",
            heard.lines,
            ["temperature 21.5", "humidity 40"],
        );
        let bytes = "outside -3 °C\ninside 21 °C\n".bytes();
        let heard = hear(bytes.map(|byte| (20, [byte]))).await;
        same(
            "the lines that came byte by byte",
            heard.lines,
            ["outside -3 °C", "inside 21 °C"],
        );
    });
}

#[test]
fn several_lines_may_come_together() {
    check(async {
        let heard = hear([(1, "temperature 21.5\nhumidity 40\nco2 600\n")]).await;
        if heard.lines.len() == 1 {
            wrong(
                "a-read-is-a-message",
                format!(
                    "Three lines came together, and one was handed on: {:?}.",
                    heard.lines
                ),
            );
        }
        same(
            "the lines",
            heard.lines,
            ["temperature 21.5", "humidity 40", "co2 600"],
        );
        let heard = hear([(1, "")]).await;
        same(
            "how many lines a device has sent that says nothing",
            heard.lines.len(),
            0,
        );
    });
}

#[test]
fn a_line_may_take_longer_than_a_second() {
    check(async {
        let pieces = [
            (400, "temperature 2"),
            (2500, "1.5\nhumidity 4"),
            (1500, "0\n"),
        ];
        let heard = hear(pieces).await;
        if heard.lines == ["1.5", "0"] {
            wrong(
                "select-resumes",
                "Of \"temperature 21.5\" half came 2.5 s after the other half, and \"1.5\" was handed \
                 on: what had come before the ping is gone.",
            );
        }
        if heard.lines.len() == 4 {
            wrong(
                "a-read-is-a-message",
                format!(
                    "Two lines came, with pauses in them, and {:?} was handed on.",
                    heard.lines
                ),
            );
        }
        same(
            "the lines",
            heard.lines,
            ["temperature 21.5", "humidity 40"],
        );
        assert!(
            (4..=5).contains(&heard.pings),
            "The device was connected for 4.4 s and got {} pings; it should get one each second.",
            heard.pings
        );
        let heard = hear((0..30).map(|_| (310, "co2 600\n"))).await;
        same("how many of 30 lines came", heard.lines.len(), 30);
        assert!(
            (9..=10).contains(&heard.pings),
            "The device sent a line each 0.3 s, for 9.3 s, and got {} pings; it should get one each \
             second.",
            heard.pings
        );
    });
}

#[test]
fn a_line_too_long_does_not_hide_the_next() {
    check(async {
        let fits = "x".repeat(MAX);
        let heard = hear([(1, format!("{fits}\n{fits}x\n{fits}\n"))]).await;
        let lines: Vec<&str> = heard.lines.iter().map(String::as_str).collect();
        let stopped = "A device sent a line that is too long, and good ones after it";
        if lines == [fits.as_str(), TOO_LONG] {
            wrong(
                "a-codec-error-is-one-bad-line",
                format!("{stopped}, in the same piece. Nothing was handed on any more."),
            );
        }
        same(
            format!("the lines of {MAX}, {} and {MAX} bytes", MAX + 1),
            lines,
            [fits.as_str(), TOO_LONG, fits.as_str()],
        );
        let long = "x".repeat(MAX);
        let pieces = [
            (1, format!("co2 600\n{long}")),
            (1, long.clone()),
            (1, format!("{long}\ntemperature 21.5\nhumid")),
            (1200, "ity 40\n".to_owned()),
        ];
        let heard = hear(pieces).await;
        if heard.lines == ["co2 600", TOO_LONG] {
            wrong(
                "a-codec-error-is-one-bad-line",
                format!("{stopped}. Nothing was handed on any more, for a second and longer."),
            );
        }
        if heard.lines == ["co2 600", TOO_LONG, "temperature 21.5", "ity 40"] {
            wrong(
                "select-resumes",
                "\"humid\" came, 1.2 s later \"ity 40\", and the second half was handed on alone: \
                 what had come before the ping is gone.",
            );
        }
        same(
            "the lines, of which the second is too long and comes in three pieces",
            heard.lines,
            ["co2 600", TOO_LONG, "temperature 21.5", "humidity 40"],
        );
    });
}

#[test]
fn a_line_without_an_end_is_not_kept() {
    check(async {
        let heard = hear((0..1024).map(|_| (1, [b'x'; 1024]))).await;
        if heard.before_the_end.is_empty() {
            wrong(
                "checked-when-it-is-there",
                format!(
                    "A device has sent 1024 KiB without an end of the line, and is still connected. \
                     Nothing was handed on. It was too long after {} bytes; who waits for its end \
                     waits, and perhaps keeps, for as long as the device likes.",
                    MAX + 1
                ),
            );
        }
        if heard.lines.len() > 1000 {
            wrong(
                "a-read-is-a-message",
                format!(
                    "A device has sent one line of 1024 KiB, in as many pieces, and {} were handed on.",
                    heard.lines.len()
                ),
            );
        }
        same(
            "the lines, of which one goes on for 1024 KiB",
            heard.lines,
            [TOO_LONG],
        );
    });
}

#[test]
fn what_was_cut_off_is_no_line() {
    check(async {
        let heard = hear([(1, "humidity 40\ntemperature 2")]).await;
        if heard.lines == ["humidity 40", "temperature 2"] {
            wrong(
                "what-is-left-is-a-line",
                "The device was switched off in the middle of \"temperature 21.5\". \
                 \"temperature 2\" was handed on, and two degrees look like any other reading.",
            );
        }
        same("the lines", heard.lines, ["humidity 40"]);
    });
}
