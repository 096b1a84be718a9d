// Two loops that are polled side by side: no round of the one drops what the other has begun. Then
// `read_until` does no harm either, and `take` is its limit.

use std::io;
use std::time::Duration;

use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::time::interval;

/// How many bytes a line may have.
pub const MAX: usize = 64;

#[derive(Debug, PartialEq)]
pub struct TooLong;

pub async fn talk(
    device: impl AsyncRead + AsyncWrite,
    mut hand_on: impl FnMut(Result<String, TooLong>),
) -> io::Result<()> {
    let (reader, mut writer) = tokio::io::split(device);
    let mut reader = BufReader::new(reader);
    let read = async {
        let mut is_rest = false;
        loop {
            let mut line = Vec::new();
            let limit = MAX as u64 + 1;
            (&mut reader)
                .take(limit)
                .read_until(b'\n', &mut line)
                .await?;
            let has_end = line.pop_if(|last| *last == b'\n').is_some();
            if !has_end && line.len() <= MAX {
                return Ok(());
            }
            if !is_rest {
                let text = String::from_utf8_lossy(&line).into_owned();
                hand_on(if has_end { Ok(text) } else { Err(TooLong) });
            }
            is_rest = !has_end;
        }
    };
    let ping = async {
        let mut second = interval(Duration::from_secs(1));
        loop {
            second.tick().await;
            writer.write_all(b"ping\n").await?;
        }
    };
    tokio::select! {
        ended = read => ended,
        broken = ping => broken,
    }
}
