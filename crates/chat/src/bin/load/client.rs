//! One person in a room.

use std::net::SocketAddr;

use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

pub(crate) type Socket = WebSocketStream<TcpStream>;
pub(crate) type Writer = SplitSink<Socket, Message>;
pub(crate) type Reader = SplitStream<Socket>;

/// What is needed of a message. The rest is not even looked at.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Event<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: &'a str,
    #[serde(default)]
    pub(crate) id: u64,
    #[serde(default)]
    pub(crate) people: Vec<&'a str>,
    #[serde(default)]
    pub(crate) count: u64,
}

impl<'a> Event<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self, String> {
        // Both servers write what is said in this order. To read all of the JSON would cost this
        // program more than it costs the server to send it.
        let id = text.strip_prefix(r#"{"type":"said","id":"#);
        if let Some(Ok(id)) = id.and_then(|id| Some(id.split_once(',')?.0.parse())) {
            return Ok(Self {
                kind: "said",
                id,
                ..Self::default()
            });
        }
        serde_json::from_str(text).map_err(|error| format!("{error} in {text:.100}"))
    }
}

/// Connects and joins. `buffer` is how much this end reads at once.
pub(crate) async fn join(
    address: SocketAddr,
    name: &str,
    room: &str,
    buffer: usize,
) -> Result<Socket, String> {
    let failed = |what: &dyn std::fmt::Display| format!("{name} cannot connect: {what}");
    let stream = TcpStream::connect(address).await.map_err(|e| failed(&e))?;
    stream.set_nodelay(true).map_err(|e| failed(&e))?;
    let config = WebSocketConfig::default().read_buffer_size(buffer);
    let url = format!("ws://{address}/ws");
    let connected = client_async_with_config(url, stream, Some(config)).await;
    let (mut socket, _) = connected.map_err(|e| failed(&e))?;
    let join = json!({"type": "join", "name": name, "room": room}).to_string();
    socket
        .send(Message::text(join))
        .await
        .map_err(|e| failed(&e))?;
    Ok(socket)
}

/// The next message. Pings are answered on the way.
pub(crate) async fn next<S>(socket: &mut S) -> Result<Bytes, String>
where
    S: futures::Stream<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin,
{
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(text.into()),
            Some(Ok(Message::Close(close))) => {
                return Err(format!("the server closes a connection: {close:?}"));
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(format!("a connection is lost: {error}")),
            None => return Err("a connection is lost".to_owned()),
        }
    }
}
