//! A client that keeps to the protocol.

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::server::Server;

/// A WebSocket of a browser's kind: pings are answered while something is awaited.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
}

impl Client {
    /// Connects, and does not join.
    pub(crate) async fn connect(server: &Server) -> Self {
        Self::over(server, server.connect().await).await
    }

    async fn over(server: &Server, stream: TcpStream) -> Self {
        let url = format!("ws://{}/ws", server.address);
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        Self { socket }
    }

    /// Connects and joins. Also returns the welcome.
    pub(crate) async fn join(server: &Server, name: &str, room: &str) -> (Self, Value) {
        let join = json!({"type": "join", "name": name, "room": room});
        Self::join_with(server, join).await
    }

    /// Connects and joins with this message.
    pub(crate) async fn join_with(server: &Server, join: Value) -> (Self, Value) {
        let mut client = Self::connect(server).await;
        let welcome = client.enter(join).await;
        (client, welcome)
    }

    /// Connects and joins. This side of the connection holds only some kilobytes that are not read.
    pub(crate) async fn join_with_a_small_buffer(server: &Server, name: &str, room: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(server.address).await.unwrap();
        let mut client = Self::over(server, stream).await;
        let join = json!({"type": "join", "name": name, "room": room});
        client.enter(join).await;
        client
    }

    async fn enter(&mut self, join: Value) -> Value {
        self.send(join).await;
        let welcome = self.next().await;
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        welcome
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.send_text(&message.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.send(json!({"type": "say", "text": text})).await;
    }

    /// Says it, and returns what comes for it: `accepted` or `refused`. Everything that comes before
    /// is left out.
    pub(crate) async fn ask(&mut self, text: &str) -> Value {
        self.send(json!({"type": "say", "text": text, "ref": "asked"}))
            .await;
        loop {
            let answer = self.next().await;
            if answer["ref"] == "asked" {
                return answer;
            }
        }
    }

    /// The next message, or how the connection ended.
    async fn receive(&mut self) -> Result<Value, Option<u16>> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(close))) => {
                    // Answers the close, and waits for the end.
                    while let Some(Ok(_)) = self.socket.next().await {}
                    return Err(close.map(|close| close.code.into()));
                }
                Some(Ok(other)) => panic!("the server sends {other:?}"),
                None | Some(Err(Error::Io(_) | Error::ConnectionClosed | Error::Protocol(_))) => {
                    return Err(None);
                }
                Some(Err(error)) => panic!("{error}"),
            }
        }
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Value {
        let message = self.receive().await;
        message.unwrap_or_else(|code| panic!("closed with {code:?}"))
    }

    /// The next message of this type. Those before it are left out.
    pub(crate) async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().await;
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// The code with which the server closes; `None` if it goes without one. What comes before is
    /// left out.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        self.until_closed().await.1
    }

    /// Everything until the server closes, and the code.
    pub(crate) async fn until_closed(&mut self) -> (Vec<Value>, Option<u16>) {
        let mut messages = Vec::new();
        loop {
            match self.receive().await {
                Ok(message) => messages.push(message),
                Err(code) => return (messages, code),
            }
        }
    }

    /// Leaves as a browser's tab does.
    pub(crate) async fn leave(mut self) {
        self.socket.close(None).await.unwrap();
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}
