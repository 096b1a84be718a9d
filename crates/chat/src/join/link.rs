//! One connection to a server, and how it ends.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::visible::visible;
use crate::protocol::{ClientMessage, ServerMessage, close};

/// The largest message of a server: a welcome with a long history in a full room.
const LARGEST: usize = 16 << 20;

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// We want to go.
    Left,
    /// It broke; another one may hold.
    Lost(String),
    /// Somebody has our name in this room: perhaps our last connection.
    Taken(String),
    /// Another one would end in the same way.
    Over(String),
}

/// Where the WebSocket of the server `server` is.
pub(super) fn address(server: &str) -> Result<Uri, String> {
    let bad = || format!("--server cannot be {server:?}: it is such as ws://127.0.0.1:8080");
    let rest = server
        .strip_prefix("ws://")
        .or_else(|| server.strip_prefix("http://"));
    if server.starts_with("wss://") || server.starts_with("https://") {
        return Err(format!(
            "--server cannot be {server:?}: this client has no TLS"
        ));
    }
    let rest = rest.ok_or_else(bad)?;
    let authority = rest
        .strip_suffix("/ws")
        .or_else(|| rest.strip_suffix('/'))
        .unwrap_or(rest);
    if authority.is_empty() || authority.contains(['/', '?', '#', '@']) {
        return Err(bad());
    }
    let uri: Uri = format!("ws://{authority}/ws").parse().map_err(|_| bad())?;
    // `http` takes any digits for a port, and then has none: it would be 80.
    let has_port = uri.port_u16().is_some_and(|port| port > 0);
    let wants_port = uri
        .authority()
        .is_some_and(|it| it.as_str().len() > it.host().len());
    if wants_port && !has_port {
        return Err(bad());
    }
    Ok(uri)
}

pub(super) async fn connect(server: &Uri) -> Result<Socket, End> {
    let config = WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .max_message_size(Some(LARGEST))
        .max_frame_size(Some(LARGEST));
    // `true`: no waiting for more to send. A line is all there is.
    match connect_async_with_config(server, Some(config), true).await {
        Ok((socket, _response)) => Ok(socket),
        Err(Error::Http(response)) => match response.status().as_u16() {
            503 => Err(End::Lost("the server is full".to_owned())),
            status => Err(End::Over(format!(
                "there is no chat at {server}: it answers {status}"
            ))),
        },
        Err(Error::Io(error)) => Err(End::Lost(format!(
            "cannot reach {server}: {error}; is the server running?"
        ))),
        Err(error) => Err(End::Lost(format!("there is no chat at {server}: {error}"))),
    }
}

/// The next message. Every frame sets `silent` to 0.
///
/// # Cancel safety
///
/// Nothing is lost: what was read of a frame stays in `socket`.
pub(super) async fn receive(socket: &mut Socket, silent: &mut u32) -> Result<ServerMessage, End> {
    loop {
        let frame = socket.next().await;
        *silent = 0;
        match frame {
            // What does not parse is from a newer server; what we know still works.
            Some(Ok(Message::Text(text))) => {
                if let Ok(message) = serde_json::from_str(&text) {
                    return Ok(message);
                }
            }
            Some(Ok(Message::Close(frame))) => return Err(closed(frame)),
            Some(Ok(_)) => {} // pings are answered by the library, pongs have been heard
            Some(Err(_)) | None => return Err(End::Lost("connection lost".to_owned())),
        }
    }
}

fn closed(frame: Option<CloseFrame>) -> End {
    let Some(CloseFrame { code, reason }) = frame else {
        return End::Lost("connection lost".to_owned());
    };
    let code = u16::from(code);
    let reason = visible(&reason).replace('\n', " ");
    match code {
        close::GOING_AWAY | close::TRY_AGAIN => End::Lost(reason),
        close::NAME_TAKEN => End::Taken(reason),
        close::PROTOCOL
        | close::BINARY
        | close::NOT_UTF8
        | close::FLOOD
        | close::TOO_BIG
        | close::BAD_MESSAGE => End::Over(format!(
            "the server ended the connection: {reason} ({code})"
        )),
        _ => End::Lost("connection lost".to_owned()),
    }
}

pub(super) async fn send(socket: &mut Socket, message: Message) -> Result<(), End> {
    if socket.send(message).await.is_ok() {
        return Ok(());
    }
    // The server has closed it, and may have said why before.
    let mut silent = 0;
    let why = async {
        loop {
            if let Err(end) = receive(socket, &mut silent).await {
                break end;
            }
        }
    };
    let nobody_knows = End::Lost("connection lost".to_owned());
    Err(timeout(Duration::from_millis(100), why)
        .await
        .unwrap_or(nobody_knows))
}

pub(super) fn encoded(message: &ClientMessage) -> Message {
    // Strings and numbers always become JSON.
    Message::text(serde_json::to_string(message).unwrap_or_default())
}

/// The closing handshake: our close, and the server's, after what it said before.
pub(super) async fn say_goodbye(mut socket: Socket) {
    if socket.close(None).await.is_ok() {
        while let Some(Ok(_)) = socket.next().await {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_a_server() {
        for good in [
            "ws://[::1]:8080",
            "http://127.0.0.1:8080/",
            "ws://chat.example/ws",
        ] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "foo",
            "ws://",
            "ws://a/b",
            "ws://a:0",
            "ws://a:99999",
            "ws://a:",
            "ws://a:b",
            "wss://a",
            "ws://me@a",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
