// Whole lines                                            fix, chapter 24-sensors
//
// `talk` sends `ping` to a device each second, and hands on each line that comes from it. It takes
// what one `read` brings for a line. Mend it. A line ends with LF, and may come in pieces, with
// pauses between them, or together with others. One of more than `MAX` bytes, its LF not counted, is
// handed on as one `TooLong`, as soon as it is too long and without being kept; the lines after it
// come as always. What has no LF when the device closes the connection was cut off, and is no line.
// `talk` ends when the device closes the connection. All lines are UTF-8.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::interval;

/// How many bytes a line may have.
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
                let line = &buffer[..count?];
                if line.is_empty() {
                    return Ok(());
                }
                let text = String::from_utf8_lossy(line);
                hand_on(if line.len() > MAX { Err(TooLong) } else { Ok(text.trim_end().to_owned()) });
            }
            _ = second.tick() => writer.write_all(b"ping\n").await?,
        }
    }
}
