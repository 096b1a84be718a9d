// `FramedRead` keeps what has come of a line, and `next` may be dropped without a loss. A line that
// is too long is an item: an error of the codec would end the stream.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use futures::StreamExt as _;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::interval;
use tokio_util::codec::{Decoder, FramedRead, LinesCodec, LinesCodecError};

/// How many bytes a line may have.
pub const MAX: usize = 64;

#[derive(Debug, PartialEq)]
pub struct TooLong;

struct Lines(LinesCodec);

impl Decoder for Lines {
    type Item = Result<String, TooLong>;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Self::Item>> {
        match self.0.decode(buffer) {
            Ok(line) => Ok(line.map(Ok)),
            // The codec skips the rest of the line.
            Err(LinesCodecError::MaxLineLengthExceeded) => Ok(Some(Err(TooLong))),
            Err(LinesCodecError::Io(error)) => Err(error),
        }
    }

    /// What is left at the end was cut off.
    fn decode_eof(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Self::Item>> {
        self.decode(buffer)
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
