// misconception: sent-is-heard

use std::pin::pin;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::codec::{Framed, LinesCodec};

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
    let mut silence = pin!(sleep(3 * every));
    loop {
        tokio::select! {
            line = device.next() => match line {
                Some(Ok(reading)) => take(reading),
                Some(Err(_)) | None => return Why::Closed,
            },
            Some(command) = commands.recv() => {
                // If it were gone, this would be an error.
                if device.send(command).await.is_err() {
                    return Why::Closed;
                }
            }
            () = &mut silence => return Why::Silent,
        }
        silence.as_mut().reset(Instant::now() + 3 * every);
    }
}
