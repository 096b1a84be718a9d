// One timer for the whole connection, set anew by each line. The writing is a future of its own.

use std::pin::pin;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::codec::{FramedRead, FramedWrite, LinesCodec};

/// Why a device is offline.
#[derive(Debug, PartialEq)]
pub enum Why {
    Closed,
    Silent,
}

pub async fn attend(
    device: impl AsyncRead + AsyncWrite + Unpin,
    every: Duration,
    mut commands: mpsc::Receiver<String>,
    mut take: impl FnMut(String),
) -> Why {
    let (reader, writer) = tokio::io::split(device);
    let mut lines = FramedRead::new(reader, LinesCodec::new_with_max_length(4096));
    let mut writer = FramedWrite::new(writer, LinesCodec::new());
    let mut write = pin!(async {
        while let Some(command) = commands.recv().await {
            writer.send(command).await?;
        }
        Ok::<_, tokio_util::codec::LinesCodecError>(())
    });
    let mut is_writing = true;
    let mut silence = pin!(sleep(3 * every));
    loop {
        tokio::select! {
            line = lines.next() => {
                let Some(Ok(reading)) = line else { return Why::Closed };
                silence.as_mut().reset(Instant::now() + 3 * every);
                take(reading);
            }
            written = &mut write, if is_writing => {
                if written.is_err() {
                    return Why::Closed;
                }
                is_writing = false;
            }
            () = &mut silence => return Why::Silent,
        }
    }
}
