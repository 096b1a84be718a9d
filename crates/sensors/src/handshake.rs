//! How a connection begins, and how it ends.

use std::io;
use std::time::Duration;

use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::codec::Framed;

use crate::codec::Lines;
use crate::wire::{self, FromDevice, ToDevice};

/// How large the buffers are at first. `Framed::new` takes 8 KiB for each direction, and most
/// devices never send more than a hundred bytes at once: with 5,000 devices it would be 80 MB.
const BUFFER: usize = 256;
/// How long the last line may take to be sent, and to be read.
const GOODBYE: Duration = Duration::from_secs(1);

pub(crate) type Reader<T> = SplitStream<Framed<T, Lines>>;
pub(crate) type Writer<T> = SplitSink<Framed<T, Lines>, String>;

/// The two halves of what carries bytes, as lines.
pub(crate) fn split<T: AsyncRead + AsyncWrite>(io: T) -> (Writer<T>, Reader<T>) {
    Framed::with_capacity(io, Lines::default(), BUFFER).split()
}

/// The id that the first line gives, or what is wrong with it.
pub(crate) async fn hello<T: AsyncRead>(reader: &mut Reader<T>) -> Result<String, String> {
    let line = match reader.next().await {
        None => return Err("no hello".to_owned()),
        Some(Err(error)) => return Err(error.to_string()),
        Some(Ok(line)) => line,
    };
    match line.and_then(|line| wire::parse(&line)) {
        Ok(FromDevice::Hello(id)) if wire::is_id(&id) => Ok(id),
        Ok(FromDevice::Hello(_)) => {
            Err("an id is 1 to 64 of a-z, 0-9 and -, and not gateway".to_owned())
        }
        Ok(_) => Err(r#"the first line is {"hello":"ID"}"#.to_owned()),
        Err(error) => Err(format!(r#"the first line is {{"hello":"ID"}}: {error}"#)),
    }
}

/// Sends the last lines, and closes the connection so that they can be read.
pub(crate) async fn say_goodbye<T>(
    writer: &mut Writer<T>,
    reader: &mut Reader<T>,
    lines: Vec<String>,
    bye: Option<String>,
) where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let bye = bye.map(|bye| wire::line(&ToDevice::Bye { bye }));
    let goodbye = async {
        for line in lines.into_iter().chain(bye) {
            writer.feed(line).await?;
        }
        writer.close().await?;
        // A connection that is closed while something unread has arrived is reset. A device that is
        // still writing gets an error then, and may never read the reason: asyncio's streams raise
        // the error in its place. So read on, for a while, until the device has closed it too.
        reader.take(100).for_each(async |_| {}).await;
        Ok::<_, io::Error>(())
    };
    let _ = timeout(GOODBYE, goodbye).await;
}

/// Tells a connection that it cannot be served. Does not read on, as a goodbye does: when there are
/// too many connections, this one must not keep a file descriptor for a second more.
pub(crate) async fn turn_away<T>(io: T, why: &str)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let (mut writer, _) = split(io);
    let bye = wire::line(&ToDevice::Bye {
        bye: why.to_owned(),
    });
    let _ = timeout(GOODBYE, writer.send(bye)).await;
}
