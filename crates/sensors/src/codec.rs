//! Bytes into lines, of which one that is bad does not spoil the others.

use std::io;

use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder, LinesCodec, LinesCodecError};

use crate::wire::{BadLine, MAX_LINE};

/// tokio-util's [`LinesCodec`], for which a bad line is an item and no error.
///
/// An error of a [`Decoder`] ends the stream of a `Framed`: the next item is `None`, as at the end
/// of the connection. Who polls on nevertheless does not get the lines that have arrived with the
/// bad one until more bytes come. That is right when the connection is broken, and wrong for one
/// bad line among good ones.
#[derive(Debug)]
pub struct Lines(LinesCodec);

impl Default for Lines {
    fn default() -> Self {
        // `LinesCodec::new()` has no bound: a line that never ends would grow until the memory is
        // full.
        Self(LinesCodec::new_with_max_length(MAX_LINE))
    }
}

impl Decoder for Lines {
    type Item = Result<String, BadLine>;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Self::Item>, io::Error> {
        match self.0.decode(buffer) {
            Ok(line) => Ok(line.map(Ok)),
            // The codec skips the rest of that line by itself.
            Err(LinesCodecError::MaxLineLengthExceeded) => Ok(Some(Err(BadLine::TooLong))),
            Err(LinesCodecError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Ok(Some(Err(BadLine::NotUtf8)))
            }
            Err(LinesCodecError::Io(error)) => Err(error),
        }
    }

    /// What has no line feed at the end was cut off: it is neither a reading nor a mistake of the
    /// device. asyncio's `readline` and [`LinesCodec`] hand it out like a line.
    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<Self::Item>, io::Error> {
        self.decode(buffer)
    }
}

impl<T: AsRef<str>> Encoder<T> for Lines {
    type Error = io::Error;

    fn encode(&mut self, line: T, buffer: &mut BytesMut) -> Result<(), io::Error> {
        self.0.encode(line, buffer).map_err(|error| match error {
            LinesCodecError::Io(error) => error,
            error @ LinesCodecError::MaxLineLengthExceeded => io::Error::other(error),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt as _;
    use std::time::Duration;
    use tokio::io::AsyncWriteExt as _;
    use tokio::time::timeout;
    use tokio_util::codec::FramedRead;

    /// All items that the codec makes of these bytes, given in pieces.
    fn decoded(pieces: &[&[u8]]) -> Vec<Result<String, BadLine>> {
        let mut codec = Lines::default();
        let mut buffer = BytesMut::new();
        let mut items = Vec::new();
        for piece in pieces {
            buffer.extend_from_slice(piece);
            while let Some(item) = codec.decode(&mut buffer).unwrap() {
                items.push(item);
            }
            assert!(buffer.len() <= MAX_LINE, "it keeps no more than a line");
        }
        assert!(codec.decode_eof(&mut buffer).unwrap().is_none());
        items
    }

    #[test]
    fn a_bad_line_does_not_hide_the_next() {
        let long = [b'x'; 3 * MAX_LINE];
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(
            decoded(&[b"one\n\xff\xfe\ntwo\r\n", &long, b"\nthree\ncut o"]),
            [
                ok("one"),
                Err(BadLine::NotUtf8),
                ok("two"),
                Err(BadLine::TooLong),
                ok("three"),
            ]
        );
        let longest = "y".repeat(MAX_LINE);
        assert_eq!(decoded(&[longest.as_bytes(), b"\n"]), [Ok(longest.clone())]);
    }

    /// Why there is [`Lines`]: what tokio-util's own codec does with a bad line among good ones.
    #[tokio::test(start_paused = true)]
    async fn a_bad_line_hides_the_next_from_the_codec_alone() {
        let (mut device, gateway) = tokio::io::duplex(100);
        let mut bare = FramedRead::new(gateway, LinesCodec::new_with_max_length(MAX_LINE));
        device.write_all(b"\xff\nsecond\n").await.unwrap();
        assert!(bare.next().await.unwrap().is_err());
        assert!(bare.next().await.is_none(), "as at the end");
        let second = timeout(Duration::from_mins(1), bare.next()).await;
        assert!(second.is_err(), "it has arrived, and does not come");
        device.write_all(b"third\n").await.unwrap();
        assert_eq!(bare.next().await.unwrap().unwrap(), "second");

        let (mut device, gateway) = tokio::io::duplex(100);
        let mut lines = FramedRead::new(gateway, Lines::default());
        device.write_all(b"\xff\nsecond\n").await.unwrap();
        assert_eq!(lines.next().await.unwrap().unwrap(), Err(BadLine::NotUtf8));
        assert_eq!(
            lines.next().await.unwrap().unwrap(),
            Ok("second".to_owned())
        );
    }
}
