// A buffer outside of the `select!`. `read_buf` either has put bytes into it or has taken none.

use std::io;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::interval;

/// How many bytes a line may have.
pub const MAX: usize = 64;

#[derive(Debug, PartialEq)]
pub struct TooLong;

#[derive(Default)]
struct Lines {
    buffer: BytesMut,
    /// The line that comes is too long, and was told: wait for its end.
    is_skipping: bool,
}

impl Lines {
    /// The next line of those that have come.
    fn next(&mut self) -> Option<Result<String, TooLong>> {
        loop {
            let end = self.buffer.iter().position(|&byte| byte == b'\n');
            if self.is_skipping {
                self.buffer
                    .advance(end.map_or(self.buffer.len(), |end| end + 1));
                self.is_skipping = end.is_none();
                if self.is_skipping {
                    return None;
                }
                continue;
            }
            if end.unwrap_or(self.buffer.len()) > MAX {
                self.is_skipping = true;
                return Some(Err(TooLong));
            }
            let line = self.buffer.split_to(end?);
            self.buffer.advance(1);
            return Some(Ok(String::from_utf8_lossy(&line).into_owned()));
        }
    }
}

pub async fn talk(
    device: impl AsyncRead + AsyncWrite,
    mut hand_on: impl FnMut(Result<String, TooLong>),
) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(device);
    let mut second = interval(Duration::from_secs(1));
    let mut lines = Lines::default();
    loop {
        tokio::select! {
            count = reader.read_buf(&mut lines.buffer) => {
                if count? == 0 {
                    return Ok(());
                }
                while let Some(line) = lines.next() {
                    hand_on(line);
                }
            }
            _ = second.tick() => writer.write_all(b"ping\n").await?,
        }
    }
}
