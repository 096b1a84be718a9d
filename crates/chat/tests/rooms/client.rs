//! A client that speaks the protocol's types, and a server in this process.

#![allow(dead_code, reason = "not every test program uses all of it")]

use std::net::SocketAddr;
use std::time::Duration;

use chat::protocol::{ClientMessage, Said, ServerMessage};
use chat::{Options, Server};
use futures::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Longer than anything takes: a test that waits so long has failed.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
    /// The answer to the join.
    pub(crate) epoch: String,
    pub(crate) people: Vec<String>,
    pub(crate) history: Vec<Said>,
    pub(crate) missed: u64,
}

/// A close: its code and its reason.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed(pub(crate) u16, pub(crate) String);

/// What became of a message that has no id.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotSaid {
    Refused(String),
    Closed(u16),
}

pub(crate) fn join_message(name: &str, room: &str) -> ClientMessage {
    let (name, room) = (name.to_owned(), room.to_owned());
    ClientMessage::Join {
        name,
        room,
        after: None,
        of: None,
    }
}

impl Client {
    /// Joins, and has been welcomed.
    pub(crate) async fn join(server: SocketAddr, name: &str, room: &str) -> Self {
        let joined = Self::try_join(server, join_message(name, room)).await;
        joined.unwrap_or_else(|closed| panic!("{name} cannot join: {closed:?}"))
    }

    pub(crate) async fn try_join(
        server: SocketAddr,
        message: ClientMessage,
    ) -> Result<Self, Closed> {
        Self::try_join_over(TcpStream::connect(server).await.unwrap(), message).await
    }

    /// Takes in next to nothing: reads late, from a small buffer.
    pub(crate) async fn join_narrow(server: SocketAddr, name: &str, room: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(server).await.unwrap();
        let joined = Self::try_join_over(stream, join_message(name, room)).await;
        joined.unwrap()
    }

    async fn try_join_over(stream: TcpStream, message: ClientMessage) -> Result<Self, Closed> {
        let url = format!("ws://{}/ws", stream.peer_addr().unwrap());
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        let mut client = Self {
            socket,
            epoch: String::new(),
            people: Vec::new(),
            history: Vec::new(),
            missed: 0,
        };
        client.send(&message).await;
        let ServerMessage::Welcome {
            epoch,
            people,
            history,
            missed,
            ..
        } = client.try_next().await?
        else {
            panic!("no welcome")
        };
        (client.epoch, client.people) = (epoch, people);
        (client.history, client.missed) = (history, missed);
        Ok(client)
    }

    pub(crate) async fn send(&mut self, message: &ClientMessage) {
        let json = serde_json::to_string(message).unwrap();
        self.socket.send(json.into()).await.unwrap();
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.send(&ClientMessage::Say {
            text: text.to_owned(),
            reference: None,
        })
        .await;
    }

    /// Says it with a `ref`: the id, or why not. What else comes meanwhile is put into `others`.
    pub(crate) async fn ask(
        &mut self,
        text: &str,
        others: &mut Vec<ServerMessage>,
    ) -> Result<u64, NotSaid> {
        let message = ClientMessage::Say {
            text: text.to_owned(),
            reference: Some(text.to_owned()),
        };
        self.send(&message).await;
        loop {
            match self.try_next().await {
                Ok(ServerMessage::Accepted { reference, id }) if reference == text => {
                    return Ok(id);
                }
                Ok(ServerMessage::Refused {
                    reference: Some(reference),
                    reason,
                }) if reference == text => return Err(NotSaid::Refused(reason)),
                Ok(other) => others.push(other),
                Err(Closed(code, _)) => return Err(NotSaid::Closed(code)),
            }
        }
    }

    pub(crate) async fn next(&mut self) -> ServerMessage {
        self.try_next().await.unwrap()
    }

    pub(crate) async fn try_next(&mut self) -> Result<ServerMessage, Closed> {
        // Around all of it: pings would begin each wait anew.
        timeout(SOON, async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return Ok(serde_json::from_str(&text).unwrap());
                    }
                    Some(Ok(Message::Close(Some(frame)))) => {
                        return Err(Closed(frame.code.into(), frame.reason.to_string()));
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => panic!("{other:?} instead of a message"),
                }
            }
        })
        .await
        .expect("nothing comes")
    }

    /// The next message that somebody said; presence is skipped.
    pub(crate) async fn hears(&mut self) -> Said {
        loop {
            match self.next().await {
                ServerMessage::Said(said) => return said,
                ServerMessage::Joined { .. }
                | ServerMessage::Left { .. }
                | ServerMessage::People { .. } => {}
                other => panic!("{other:?} instead of something said"),
            }
        }
    }

    /// Skips all until this comes.
    pub(crate) async fn sees(&mut self, message: &ServerMessage) {
        while self.next().await != *message {}
    }

    pub(crate) async fn leave(mut self) {
        self.socket.close(None).await.unwrap();
        while let Some(Ok(_)) = self.socket.next().await {}
    }

    /// Until the server has closed: the code. Everything before is dropped.
    pub(crate) async fn closed(&mut self) -> Option<Closed> {
        timeout(SOON, async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => {
                        return Some(Closed(frame.code.into(), frame.reason.to_string()));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(Error::Io(_) | Error::Protocol(_))) | None => return None,
                    Some(Err(error)) => panic!("{error}"),
                }
            }
        })
        .await
        .expect("no close")
    }
}

pub(crate) fn joined(name: &str) -> ServerMessage {
    let name = name.to_owned();
    ServerMessage::Joined { name }
}

pub(crate) fn left(name: &str) -> ServerMessage {
    let name = name.to_owned();
    ServerMessage::Left { name }
}

/// A server in this process.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::start_on(listener, options).await
    }

    /// Little is on the way to a slow reader, so that it soon shows how slow it is.
    pub(crate) async fn start_narrow(options: Options) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(4096).unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        Self::start_on(socket.listen(1024).unwrap(), options).await
    }

    async fn start_on(listener: TcpListener, options: Options) -> Self {
        let address = listener.local_addr().unwrap();
        let server = Server::start(options).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            server.run(listener, stopped).await;
        });
        Self {
            address,
            stop: Some(stop),
            task,
        }
    }

    /// Asks it to stop, and returns when it has.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        timeout(SOON, self.task)
            .await
            .expect("it does not stop")
            .unwrap();
    }
}
