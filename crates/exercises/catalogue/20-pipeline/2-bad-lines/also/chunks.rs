// Chunks as they come. What follows the last line feed waits for the next chunk, or for the end.

use std::io;

use tokio::io::{AsyncBufRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufWriter};

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

impl Report {
    /// Whether the line is good.
    fn count(&mut self, line: &[u8]) -> bool {
        let text = std::str::from_utf8(line).unwrap_or_default();
        let text = text.strip_suffix('\n').unwrap_or(text);
        let tenths = parse(text.strip_suffix('\r').unwrap_or(text));
        self.lines += 1;
        self.good += usize::from(tenths.is_some());
        self.bad += usize::from(tenths.is_none());
        self.sum += tenths.unwrap_or_default();
        tenths.is_some()
    }
}

/// Sums up `input`, and writes its bad lines to `bad`. Its errors are those of reading and writing.
pub async fn sum_up(
    mut input: impl AsyncBufRead + Unpin,
    bad: impl AsyncWrite + Unpin,
) -> io::Result<Report> {
    let mut bad = BufWriter::new(bad);
    let mut report = Report::default();
    let mut buffer = Vec::new();
    loop {
        let at_the_end = input.read_buf(&mut buffer).await? == 0;
        let complete = match buffer.iter().rposition(|&byte| byte == b'\n') {
            _ if at_the_end => buffer.len(),
            Some(last) => last + 1,
            None => 0,
        };
        for line in buffer[..complete].split_inclusive(|&byte| byte == b'\n') {
            if !report.count(line) {
                bad.write_all(line).await?;
            }
        }
        buffer.drain(..complete);
        if at_the_end {
            bad.flush().await?;
            return Ok(report);
        }
    }
}
