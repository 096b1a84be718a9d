// A codec that cuts behind each line feed, and gives what is left over at the end.

use std::io;

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt as _;
use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt as _};
use tokio_util::codec::{Decoder, FramedRead};

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

struct Lines;

impl Decoder for Lines {
    type Item = Bytes;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
        let end = buffer.iter().position(|&byte| byte == b'\n');
        Ok(end.map(|end| buffer.split_to(end + 1).freeze()))
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
        let line = self.decode(buffer)?;
        Ok(line.or_else(|| (!buffer.is_empty()).then(|| buffer.split().freeze())))
    }
}

/// Sums up `input`, and writes its bad lines to `bad`. Its errors are those of reading and writing.
pub async fn sum_up(
    input: impl AsyncBufRead + Unpin,
    mut bad: impl AsyncWrite + Unpin,
) -> io::Result<Report> {
    let mut report = Report::default();
    let mut lines = FramedRead::new(input, Lines);
    while let Some(line) = lines.try_next().await? {
        report.lines += 1;
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let tenths = std::str::from_utf8(text).ok().and_then(parse);
        if let Some(tenths) = tenths {
            report.good += 1;
            report.sum += tenths;
        } else {
            report.bad += 1;
            bad.write_all(&line).await?;
        }
    }
    bad.flush().await?;
    Ok(report)
}
