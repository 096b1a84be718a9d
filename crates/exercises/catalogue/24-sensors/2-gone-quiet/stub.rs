// Gone quiet                                             fix, chapter 24-sensors
//
// `attend` takes the readings of a device and sends it commands, until the device closes the
// connection, or no line has come from it for three of its intervals. If commands are sent to it
// all the time, one whose cable was pulled is not found out for a long time, or never. Mend it:
// three intervals after its last line, or after the beginning if there was none, it is `Silent`,
// whatever is sent to it, and whether or not it reads that. Readings are taken as they come, also
// while a command has to wait. When there will be no more commands, the readings go on.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::codec::{Framed, LinesCodec};

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
    let mut device = Framed::new(device, LinesCodec::new_with_max_length(4096));
    loop {
        tokio::select! {
            line = device.next() => match line {
                Some(Ok(reading)) => take(reading),
                Some(Err(_)) | None => return Why::Closed,
            },
            Some(command) = commands.recv() => {
                if device.send(command).await.is_err() {
                    return Why::Closed;
                }
            }
            () = sleep(3 * every) => return Why::Silent,
        }
    }
}
