//! A client that writes bytes.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::server::Server;

/// A frame of a client: masked, and what else is set by hand.
pub(crate) struct Frame {
    /// `FIN`, three reserved bits, the opcode.
    pub(crate) first: u8,
    pub(crate) masked: bool,
    pub(crate) payload: Vec<u8>,
}

pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;
pub(crate) const FIN: u8 = 0x80;

/// A correct frame.
pub(crate) fn frame(first: u8, payload: impl AsRef<[u8]>) -> Frame {
    Frame {
        first,
        masked: true,
        payload: payload.as_ref().to_owned(),
    }
}

/// The head of a frame that says to have this many bytes.
pub(crate) fn head(first: u8, masked: bool, length: u64) -> Vec<u8> {
    let mask_bit = if masked { 0x80 } else { 0 };
    let mut head = vec![first];
    if let Ok(short) = u8::try_from(length)
        && short < 126
    {
        head.push(mask_bit | short);
    } else if let Ok(medium) = u16::try_from(length) {
        head.push(mask_bit | 0x7E);
        head.extend(medium.to_be_bytes());
    } else {
        head.push(mask_bit | 0x7F);
        head.extend(length.to_be_bytes());
    }
    head
}

impl Frame {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
        let mut bytes = head(self.first, self.masked, self.payload.len() as u64);
        if self.masked {
            bytes.extend(MASK);
            let masked = self.payload.iter().zip(MASK.iter().cycle());
            bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }
}

/// The head of a request to open a WebSocket. The key is that of RFC 6455.
pub(crate) fn upgrade(server: &Server, more: &str) -> String {
    format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n",
        server.address
    )
}

/// A connection that is written to and read from as it comes.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    received: Vec<u8>,
}

impl Raw {
    pub(crate) async fn connect(server: &Server) -> Self {
        Self {
            stream: server.connect().await,
            received: Vec::new(),
        }
    }

    /// A WebSocket that has not joined.
    pub(crate) async fn upgraded(server: &Server) -> Self {
        let mut raw = Self::connect(server).await;
        raw.write(upgrade(server, "").as_bytes()).await;
        let answer = raw.answer().await;
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        raw
    }

    /// A WebSocket that has joined.
    pub(crate) async fn joined(server: &Server, name: &str, room: &str) -> Self {
        let mut raw = Self::upgraded(server).await;
        let join = json!({"type": "join", "name": name, "room": room});
        raw.send(&frame(FIN | TEXT, join.to_string())).await;
        assert_eq!(raw.message().await["type"], "welcome");
        raw
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn send(&mut self, frame: &Frame) {
        self.write(&frame.bytes()).await;
    }

    /// Reads more. Whether there was more; a reset is an end, too.
    async fn more(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.received).await, Ok(n) if n > 0)
    }

    /// The head of an answer, and its body if it says how long that is.
    pub(crate) async fn answer(&mut self) -> String {
        let end = loop {
            if let Some(at) = self.received.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.more().await, "no answer");
        };
        let mut head = String::from_utf8(self.received.drain(..end).collect()).unwrap();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.parse::<usize>().unwrap())
        });
        while self.received.len() < length.unwrap_or(0) {
            assert!(self.more().await, "half an answer");
        }
        let body = self.received.drain(..length.unwrap_or(0)).collect();
        head += &String::from_utf8(body).unwrap();
        head
    }

    /// The next frame of the server: its first byte and its payload; nothing at the end.
    pub(crate) async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((start, length)) = whole(&self.received) {
                let payload = self.received[start..start + length].to_vec();
                let first = self.received[0];
                self.received.drain(..start + length);
                return Some((first, payload));
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// The next message in a text frame.
    pub(crate) async fn message(&mut self) -> Value {
        loop {
            let (first, payload) = self.frame().await.unwrap();
            assert_ne!(first, FIN | CLOSE, "{payload:?}");
            if first == FIN | TEXT {
                return serde_json::from_slice(&payload).unwrap();
            }
        }
    }

    /// The code with which the server closes, which is answered; `None` if it goes without one.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some((first, payload)) = self.frame().await {
            if first == FIN | CLOSE && payload.len() >= 2 {
                code = Some(u16::from_be_bytes([payload[0], payload[1]]));
                let answer = frame(FIN | CLOSE, &payload[..2]).bytes();
                // The server may have gone at once.
                let _ = self.stream.write_all(&answer).await;
            }
        }
        code
    }

    /// Whether the server ends this connection without a word within `duration`.
    pub(crate) async fn ends_within(&mut self, duration: Duration) -> bool {
        let end = async { while self.more().await {} };
        timeout(duration, end).await.is_ok()
    }
}

/// Where the payload of a whole frame begins, and how long it is.
fn whole(bytes: &[u8]) -> Option<(usize, usize)> {
    let (start, length) = match *bytes.get(1)? {
        126 => (
            4,
            u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
        ),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        length => {
            assert!(length < 126, "the server masks its frames");
            (2, u64::from(length))
        }
    };
    let length = usize::try_from(length).ok()?;
    (bytes.len() >= start + length).then_some((start, length))
}
