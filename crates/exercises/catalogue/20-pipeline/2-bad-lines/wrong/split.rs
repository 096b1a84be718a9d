// misconception: a-line-is-its-text

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

/// Sums up `input`, and writes its bad lines to `bad`. Its errors are those of reading and writing.
pub async fn sum_up(
    input: impl AsyncBufRead + Unpin,
    mut bad: impl AsyncWrite + Unpin,
) -> io::Result<Report> {
    let mut report = Report::default();
    let mut lines = input.split(b'\n');
    while let Some(line) = lines.next_segment().await? {
        report.lines += 1;
        let text = line.strip_suffix(b"\r").unwrap_or(&line);
        let tenths = std::str::from_utf8(text).ok().and_then(parse);
        if let Some(tenths) = tenths {
            report.good += 1;
            report.sum += tenths;
        } else {
            report.bad += 1;
            bad.write_all(&line).await?;
            bad.write_all(b"\n").await?;
        }
    }
    bad.flush().await?;
    Ok(report)
}
