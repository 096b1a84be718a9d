// A line is its bytes, with whatever it ends in. A text is made of them only to parse it, and may
// fail; what is set aside are the bytes.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _};

#[derive(Debug, Default, PartialEq)]
pub struct Report {
    pub lines: usize,
    pub good: usize,
    pub bad: usize,
    /// Of the good ones, in tenths of a degree.
    pub sum: i64,
}

/// The temperature in a record, `Oslo;-35`. `None`, if it is none.
pub fn parse(record: &str) -> Option<i64> {
    let (station, tenths) = record.split_once(';')?;
    let is_named = !station.is_empty();
    tenths.parse().ok().filter(|_| is_named)
}

/// The temperature in a line with its end.
fn parse_line(line: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(line).ok()?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    parse(text.strip_suffix('\r').unwrap_or(text))
}

/// Sums up `input`, and writes its bad lines to `bad`. Its errors are those of reading and writing.
pub async fn sum_up(
    mut input: impl AsyncBufRead + Unpin,
    mut bad: impl AsyncWrite + Unpin,
) -> io::Result<Report> {
    let mut report = Report::default();
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line).await? > 0 {
        report.lines += 1;
        if let Some(tenths) = parse_line(&line) {
            report.good += 1;
            report.sum += tenths;
        } else {
            report.bad += 1;
            bad.write_all(&line).await?;
        }
        line.clear();
    }
    bad.flush().await?;
    Ok(report)
}
