// misconception: a-read-is-a-message

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::interval;

pub const MAX: usize = 64;

#[derive(Debug, PartialEq)]
pub struct TooLong;

pub async fn talk(
    device: impl AsyncRead + AsyncWrite,
    mut hand_on: impl FnMut(Result<String, TooLong>),
) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(device);
    let mut second = interval(Duration::from_secs(1));
    let mut buffer = [0; 1024];
    loop {
        tokio::select! {
            count = reader.read(&mut buffer) => {
                let count = count?;
                if count == 0 {
                    return Ok(());
                }
                // There may be several in it.
                for line in String::from_utf8_lossy(&buffer[..count]).lines() {
                    hand_on(if line.len() > MAX { Err(TooLong) } else { Ok(line.to_owned()) });
                }
            }
            _ = second.tick() => writer.write_all(b"ping\n").await?,
        }
    }
}
