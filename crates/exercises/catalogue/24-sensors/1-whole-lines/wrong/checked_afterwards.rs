// misconception: checked-when-it-is-there

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::time::interval;

pub const MAX: usize = 64;

#[derive(Debug, PartialEq)]
pub struct TooLong;

pub async fn talk(
    device: impl AsyncRead + AsyncWrite,
    mut hand_on: impl FnMut(Result<String, TooLong>),
) -> io::Result<()> {
    let (reader, mut writer) = tokio::io::split(device);
    let mut lines = BufReader::new(reader).lines();
    let mut second = interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            line = lines.next_line() => match line? {
                Some(line) if line.len() > MAX => hand_on(Err(TooLong)),
                Some(line) => hand_on(Ok(line)),
                None => return Ok(()),
            },
            _ = second.tick() => writer.write_all(b"ping\n").await?,
        }
    }
}
