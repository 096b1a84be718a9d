//! A device that does what a test says, over a pipe in memory.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file is a crate of its own that uses some of this; a test fails by panicking"
)]

use std::sync::Arc;
use std::time::SystemTime;

use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
use sensors::{Event, Gateway};
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_util::codec::{Framed, LinesCodec};

/// How many bytes the pipe holds in each direction. The gateway's own buffers come to that.
const PIPE: usize = 1024;

/// The device's end of a connection.
pub(crate) struct Peer {
    pub(crate) wire: Framed<DuplexStream, LinesCodec>,
    /// Ends when the gateway is done with the connection.
    pub(crate) attended: JoinHandle<()>,
}

impl Peer {
    /// Connects, and says nothing.
    pub(crate) fn connect(gateway: &Gateway) -> Self {
        let (near, far) = tokio::io::duplex(PIPE);
        let gateway = gateway.clone();
        Self {
            wire: Framed::new(near, LinesCodec::new()),
            attended: tokio::spawn(async move { gateway.attend(far).await }),
        }
    }

    /// Connects, and is welcomed.
    pub(crate) async fn hello(gateway: &Gateway, id: &str) -> Self {
        let mut peer = Self::connect(gateway);
        peer.send(&json!({"hello": id})).await;
        let welcome = peer.next().await.unwrap();
        assert_eq!(welcome["welcome"], id, "{welcome}");
        peer
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.wire.send(message.to_string()).await.unwrap();
    }

    /// A reading with the right clock.
    pub(crate) async fn read(&mut self, kind: &str, value: f64) {
        self.send(&reading(kind, value)).await;
    }

    /// These bytes, whatever they are. Whether they could be written.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) -> bool {
        self.wire.get_mut().write_all(bytes).await.is_ok()
    }

    /// The next line; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let line = self.wire.next().await?.ok()?;
        Some(serde_json::from_str(&line).unwrap())
    }

    /// What comes until the end.
    pub(crate) async fn rest(&mut self) -> Vec<Value> {
        let mut lines = Vec::new();
        while let Some(line) = self.next().await {
            lines.push(line);
        }
        lines
    }
}

pub(crate) fn reading(kind: &str, value: f64) -> Value {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    json!({"at": u64::try_from(now).unwrap(), "kind": kind, "value": value})
}

/// Lets every other task run until it waits.
pub(crate) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// What has happened so far, as `online pump-1`.
pub(crate) fn happened(events: &mut broadcast::Receiver<Arc<Event>>) -> Vec<String> {
    let mut happened = Vec::new();
    while let Some(Ok(event)) = events.recv().now_or_never() {
        let json = serde_json::to_value(&*event).unwrap();
        let part = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        let mut text = part("event");
        for more in ["device", "why", "error"] {
            if json.get(more).is_some() {
                text += " ";
                text += &part(more);
            }
        }
        happened.push(text);
    }
    happened
}
