// misconception: select-resumes

use std::io;
use std::time::Duration;

use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::time::interval;

pub const MAX: usize = 64;

#[derive(Debug, PartialEq)]
pub struct TooLong;

pub async fn talk(
    device: impl AsyncRead + AsyncWrite,
    mut hand_on: impl FnMut(Result<String, TooLong>),
) -> io::Result<()> {
    let (reader, mut writer) = tokio::io::split(device);
    let mut reader = BufReader::new(reader);
    let mut second = interval(Duration::from_secs(1));
    let mut is_rest = false;
    loop {
        let mut line = String::new();
        let mut limited = (&mut reader).take(MAX as u64 + 1);
        tokio::select! {
            count = limited.read_line(&mut line) => {
                count?;
                let has_end = line.ends_with('\n');
                if !has_end && line.len() <= MAX {
                    return Ok(());
                }
                if !is_rest {
                    hand_on(if has_end { Ok(line.trim_end().to_owned()) } else { Err(TooLong) });
                }
                is_rest = !has_end;
            }
            _ = second.tick() => writer.write_all(b"ping\n").await?,
        }
    }
}
