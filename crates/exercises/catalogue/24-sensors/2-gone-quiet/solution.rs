// Two halves in one `select!`. The deadline stands around the wait for a line and nowhere else, so
// that it counts from the last one, and no write can keep it from its turn.

use std::future::pending;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::timeout;
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
    let device = Framed::new(device, LinesCodec::new_with_max_length(4096));
    let (mut writer, mut reader) = device.split();
    let read = async {
        loop {
            match timeout(3 * every, reader.next()).await {
                Ok(Some(Ok(reading))) => take(reading),
                Ok(Some(Err(_)) | None) => return Why::Closed,
                Err(_) => return Why::Silent,
            }
        }
    };
    let write = async {
        while let Some(command) = commands.recv().await {
            if writer.send(command).await.is_err() {
                return Why::Closed;
            }
        }
        // No more commands: that is no reason to end.
        pending().await
    };
    tokio::select! {
        why = read => why,
        why = write => why,
    }
}
