// The commands are a stream that is forwarded into the sink, and the end of the commands is not the
// end of the connection.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use futures::{SinkExt as _, StreamExt as _, stream};
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
    commands: mpsc::Receiver<String>,
    mut take: impl FnMut(String),
) -> Why {
    let device = Framed::new(device, LinesCodec::new_with_max_length(4096));
    let (mut writer, mut reader) = device.split();
    let read = pin!(async {
        loop {
            match timeout(3 * every, reader.next()).await {
                Ok(Some(Ok(reading))) => take(reading),
                Ok(_) => return Why::Closed,
                Err(_) => return Why::Silent,
            }
        }
    });
    let commands = stream::unfold(commands, async |mut commands| {
        Some((Ok(commands.recv().await?), commands))
    });
    let mut commands = pin!(commands);
    let write = pin!(writer.send_all(&mut commands));
    match select(read, write).await {
        Either::Left((why, _)) => why,
        Either::Right((Ok(()), read)) => read.await,
        Either::Right((Err(_), _)) => Why::Closed,
    }
}
