// misconception: bad-lines-are-noise

use std::io;

use futures::StreamExt as _;
use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt as _};
use tokio_util::codec::{FramedRead, LinesCodec};

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
    let lines = FramedRead::new(input, LinesCodec::new());
    let mut lines = std::pin::pin!(lines.filter_map(async |line| line.ok()));
    while let Some(line) = lines.next().await {
        report.lines += 1;
        if let Some(tenths) = parse(&line) {
            report.good += 1;
            report.sum += tenths;
        } else {
            report.bad += 1;
            bad.write_all(line.as_bytes()).await?;
            bad.write_all(b"\n").await?;
        }
    }
    bad.flush().await?;
    Ok(report)
}
