// misconception: what-is-left-is-a-line

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use futures::StreamExt as _;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::interval;
use tokio_util::codec::{Decoder, FramedRead, LinesCodec, LinesCodecError};

pub const MAX: usize = 64;

#[derive(Debug, PartialEq)]
pub struct TooLong;

struct Lines(LinesCodec);

type Line = Result<String, TooLong>;

fn told(line: Result<Option<String>, LinesCodecError>) -> io::Result<Option<Line>> {
    match line {
        Ok(line) => Ok(line.map(Ok)),
        Err(LinesCodecError::MaxLineLengthExceeded) => Ok(Some(Err(TooLong))),
        Err(LinesCodecError::Io(error)) => Err(error),
    }
}

impl Decoder for Lines {
    type Item = Line;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Line>> {
        told(self.0.decode(buffer))
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Line>> {
        told(self.0.decode_eof(buffer))
    }
}

pub async fn talk(
    device: impl AsyncRead + AsyncWrite,
    mut hand_on: impl FnMut(Result<String, TooLong>),
) -> io::Result<()> {
    let (reader, mut writer) = tokio::io::split(device);
    let mut lines = FramedRead::new(reader, Lines(LinesCodec::new_with_max_length(MAX)));
    let mut second = interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            line = lines.next() => match line {
                Some(line) => hand_on(line?),
                None => return Ok(()),
            },
            _ = second.tick() => writer.write_all(b"ping\n").await?,
        }
    }
}
