// No line is lost                                              fix, chapter 20-pipeline
//
// `sum_up` adds up records, and sets bad lines aside so that they can be repaired. A line ends in LF
// or CR LF, or with the input. What `parse` does not know is bad, and so is what is not UTF-8. A bad
// line does not end the whole, and goes to `bad` byte for byte, its end included; and
// lines = good + bad. At present a line that is not UTF-8 ends it, and some of the lines that were
// set aside are not what they were.

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
    let mut lines = input.lines();
    while let Some(line) = lines.next_line().await? {
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
