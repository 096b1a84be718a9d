// misconception: a-codec-error-is-one-bad-line

use std::io;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::interval;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

pub const MAX: usize = 64;

#[derive(Debug, PartialEq)]
pub struct TooLong;

pub async fn talk(
    device: impl AsyncRead + AsyncWrite,
    mut hand_on: impl FnMut(Result<String, TooLong>),
) -> io::Result<()> {
    let (reader, mut writer) = tokio::io::split(device);
    let mut lines = FramedRead::new(reader, LinesCodec::new_with_max_length(MAX));
    let mut second = interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            line = lines.next() => match line {
                Some(Ok(line)) => hand_on(Ok(line)),
                Some(Err(LinesCodecError::MaxLineLengthExceeded)) => hand_on(Err(TooLong)),
                Some(Err(LinesCodecError::Io(error))) => return Err(error),
                None => return Ok(()),
            },
            _ = second.tick() => writer.write_all(b"ping\n").await?,
        }
    }
}
