//! A TCP connection and the frames that wait for it.
//!
//! tungstenite would copy each message into a buffer of each connection, and keep that buffer as
//! large as it ever was. A message for a thousand readers is a thousand copies then. So the frames
//! of messages are made once, by [`text`], and all connections write them from the same memory;
//! tungstenite reads, and writes what is one connection's own affair: ping, pong and close.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::protocol::MAX_MESSAGE_BYTES;

/// So many frames go to the system in one call. Linux and macOS take up to 1024; but the list of them
/// lies on the stack, and a room hands out no more at a time.
const AT_ONCE: usize = 64;

/// A WebSocket over TCP.
pub(crate) type Socket = WebSocketStream<Wire>;

/// Speaks WebSocket from here on. `early` is what the client has sent together with its request.
pub(crate) async fn websocket(stream: TcpStream, early: Vec<u8>) -> Socket {
    let config = WebSocketConfig::default()
        // Taken at once and kept. A chat's messages are short; longer ones come in several reads.
        .read_buffer_size(512)
        // Pings and pongs only, so there is nothing to collect; and not many of them.
        .write_buffer_size(0)
        .max_write_buffer_size(1024)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    let wire = Wire::new(stream);
    WebSocketStream::from_partially_read(wire, early, Role::Server, Some(config)).await
}

/// A text frame of a server, header and all, that any number of connections can write.
pub(crate) fn text(message: &impl Serialize) -> Bytes {
    // Our own messages have nothing that JSON cannot say, and memory takes what is written to it.
    let json = serde_json::to_vec(message).unwrap_or_default();
    frame(&json)
}

/// The same for JSON that is there already.
pub(crate) fn frame(json: &[u8]) -> Bytes {
    let header = FrameHeader {
        opcode: OpCode::Data(Data::Text),
        ..FrameHeader::default()
    };
    let mut frame = Vec::with_capacity(header.len(json.len() as u64) + json.len());
    let _ = header.format(json.len() as u64, &mut frame);
    frame.extend_from_slice(json);
    frame.into()
}

/// The connection, and what waits to be written to it.
pub(crate) struct Wire<S = TcpStream> {
    stream: S,
    waiting: VecDeque<Bytes>,
    /// tungstenite has written a part of its buffer, so the rest of it comes next.
    in_between: bool,
    /// Writing had to wait.
    stuck: bool,
    /// Writing had to wait and went on: the peer has taken something.
    went_on: bool,
    /// Bytes that came since whoever reads messages last set it to 0.
    pub(crate) received: usize,
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            waiting: VecDeque::new(),
            in_between: false,
            stuck: false,
            went_on: false,
            received: 0,
        }
    }

    /// What is written next, in this order. Put whole frames in.
    pub(crate) fn waiting(&mut self) -> &mut VecDeque<Bytes> {
        &mut self.waiting
    }

    /// Whether the peer has read something since the last call, which only a peer that is alive
    /// does.
    ///
    /// A write that succeeds at once proves nothing: the system takes it for a peer that is long
    /// gone. But one that had to wait goes on only when the peer has confirmed older bytes.
    pub(crate) fn went_on(&mut self) -> bool {
        std::mem::take(&mut self.went_on)
    }

    pub(crate) fn into_stream(self) -> S {
        self.stream
    }

    fn wrote(&mut self, result: &Poll<io::Result<usize>>) {
        match result {
            Poll::Pending => self.stuck = true,
            Poll::Ready(Ok(_)) => self.went_on |= std::mem::take(&mut self.stuck),
            Poll::Ready(Err(_)) => {}
        }
    }

    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            let mut slices = [IoSlice::new(&[]); AT_ONCE];
            let count = self.waiting.len().min(AT_ONCE);
            for (slice, frame) in slices.iter_mut().zip(&self.waiting) {
                *slice = IoSlice::new(frame);
            }
            let written = Pin::new(&mut self.stream).poll_write_vectored(cx, &slices[..count]);
            self.wrote(&written);
            let mut written = ready!(written)?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            while let Some(frame) = self.waiting.front_mut() {
                if written < frame.len() {
                    frame.advance(written);
                    break;
                }
                written -= frame.len();
                self.waiting.pop_front();
            }
        }
        // A thousand frames wait after a pause, none for most of the time.
        if self.waiting.capacity() > AT_ONCE {
            self.waiting = VecDeque::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.received += buffer.filled().len() - before;
        result
    }
}

/// What tungstenite writes, and what waits here, take turns between frames only.
impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.in_between {
            ready!(self.poll_waiting(cx))?;
        }
        let result = Pin::new(&mut self.stream).poll_write(cx, buffer);
        self.wrote(&result);
        if let Poll::Ready(Ok(written)) = result {
            self.in_between = written < buffer.len();
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // tungstenite flushes when its own buffer is empty.
        ready!(self.poll_waiting(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (Wire, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
        (Wire::new(near.unwrap()), far.unwrap().0)
    }

    #[test]
    fn a_frame_is_what_the_protocol_says() {
        assert_eq!(frame(b"hi"), &b"\x81\x02hi"[..]);
        let long = frame(&[b'x'; 300]);
        assert_eq!((long.len(), &long[..4]), (304, &b"\x81\x7e\x01\x2c"[..]));
    }

    /// Counts the calls, and the frames in each. Each takes at most `room` bytes.
    struct Counting {
        calls: Vec<usize>,
        room: usize,
        taken: Vec<u8>,
    }

    impl AsyncWrite for Counting {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(cx, &[IoSlice::new(buffer)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.calls.push(slices.len());
            let all: Vec<u8> = slices
                .iter()
                .flat_map(|slice| slice.iter().copied())
                .collect();
            let taken = all.len().min(self.room);
            self.taken.extend_from_slice(&all[..taken]);
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn counting(room: usize, frames: usize) -> (Wire<Counting>, Vec<u8>) {
        let (calls, taken) = (Vec::new(), Vec::new());
        let mut wire = Wire::new(Counting { calls, room, taken });
        let frames = (0..frames).map(|number| frame(number.to_string().as_bytes()));
        wire.waiting().extend(frames);
        let expected = wire.waiting.iter().flatten().copied().collect();
        (wire, expected)
    }

    #[tokio::test]
    async fn what_waits_goes_out_in_one_vectored_write() {
        for (frames, calls) in [(1, vec![1]), (64, vec![64]), (100, vec![64, 36])] {
            let (mut wire, expected) = counting(usize::MAX, frames);
            wire.flush().await.unwrap();
            assert_eq!(wire.stream.calls, calls);
            assert_eq!(wire.stream.taken, expected);
        }
    }

    #[tokio::test]
    async fn a_write_that_takes_less_goes_on_in_the_middle_of_a_frame() {
        let (mut wire, expected) = counting(5, 20);
        wire.flush().await.unwrap();
        assert_eq!(wire.stream.taken, expected);
        assert_eq!(wire.stream.calls.len(), expected.len().div_ceil(5));
    }

    #[tokio::test]
    async fn more_frames_than_go_at_once_come_whole_and_in_order() {
        let (mut wire, mut far) = pair().await;
        let mut expected = Vec::new();
        for number in 0..10 * AT_ONCE {
            let frame = frame(number.to_string().repeat(number).as_bytes());
            expected.extend_from_slice(&frame);
            wire.waiting().push_back(frame);
        }
        let mut seen = vec![0; expected.len()];
        let (flushed, read) = tokio::join!(wire.flush(), far.read_exact(&mut seen));
        flushed.unwrap();
        read.unwrap();
        assert!(seen == expected);
        assert!(wire.waiting.is_empty() && wire.waiting.capacity() <= AT_ONCE);
    }

    #[tokio::test]
    async fn what_is_half_written_is_finished_before_anything_else() {
        let (mut wire, mut far) = pair().await;
        // More than the system takes at once, as if tungstenite wrote it.
        let own = vec![b'x'; 64 << 20];
        let written = wire.write(&own).await.unwrap();
        assert!(written < own.len());
        wire.waiting().push_back(Bytes::from_static(b"frame"));
        let write = async {
            wire.write_all(&own[written..]).await.unwrap();
            wire.flush().await.unwrap();
        };
        let mut seen = vec![0; own.len() + 5];
        let (read, ()) = tokio::join!(far.read_exact(&mut seen), write);
        read.unwrap();
        assert!(seen[..own.len()] == own && &seen[own.len()..] == b"frame");
        // And the other way round.
        wire.waiting().push_back(Bytes::from_static(b"first"));
        wire.write_all(b"then").await.unwrap();
        let mut seen = [0; 9];
        far.read_exact(&mut seen).await.unwrap();
        assert_eq!(&seen, b"firstthen");
    }

    #[tokio::test]
    async fn only_a_write_that_had_to_wait_shows_that_the_peer_is_alive() {
        let (mut wire, mut far) = pair().await;
        wire.waiting()
            .push_back(Bytes::from_static(b"taken at once"));
        wire.flush().await.unwrap();
        assert!(!wire.went_on(), "the system alone has taken this");
        wire.waiting().push_back(vec![0; 64 << 20].into());
        let stuck = poll_fn(|cx| Poll::Ready(Pin::new(&mut wire).poll_flush(cx).is_pending()));
        assert!(stuck.await);
        assert!(!wire.went_on(), "nobody has read anything");
        let mut rest = vec![0; 1 << 20];
        // Reads until some of it has gone on.
        while wire.flush().now_or_never().is_none() && !wire.went_on() {
            far.read_exact(&mut rest).await.unwrap();
        }
        wire.waiting().clear();
        assert!(!wire.went_on(), "it is told once");
    }
}
