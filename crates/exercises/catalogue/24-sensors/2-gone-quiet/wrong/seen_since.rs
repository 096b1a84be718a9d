// misconception: a-tick-is-a-deadline

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::interval;
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
    let device = Framed::new(device, LinesCodec::new_with_max_length(4096));
    let (mut writer, mut reader) = device.split();
    let mut write = pin!(async {
        while let Some(command) = commands.recv().await {
            if writer.send(command).await.is_err() {
                return Why::Closed;
            }
        }
        pending().await
    });
    let mut look = interval(3 * every);
    look.tick().await;
    let mut is_heard = false;
    loop {
        tokio::select! {
            line = reader.next() => match line {
                Some(Ok(reading)) => {
                    is_heard = true;
                    take(reading);
                }
                Some(Err(_)) | None => return Why::Closed,
            },
            why = &mut write => return why,
            _ = look.tick() => {
                if !is_heard {
                    return Why::Silent;
                }
                is_heard = false;
            }
        }
    }
}
