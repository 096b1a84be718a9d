//! An HTTP client that a test sees through: it writes the bytes it is given and reads one answer.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// One answer of the server.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a header, whose name is given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// A connection on which one request may follow another.
pub(crate) struct Client<S> {
    io: S,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn over(io: S) -> Self {
        Self { io }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.unwrap();
    }

    /// Fails when the server has closed the connection.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.io.write_all(bytes.as_ref()).await
    }

    /// Sends a request without a body.
    pub(crate) async fn ask(&mut self, method_and_path: &str) {
        self.send(format!(
            "{method_and_path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        ))
        .await;
    }

    /// Asks and reads the answer.
    pub(crate) async fn get(&mut self, method_and_path: &str) -> Answer {
        self.ask(method_and_path).await;
        if method_and_path.starts_with("HEAD ") {
            self.head().await
        } else {
            self.answer().await
        }
    }

    /// Reads one answer, which must come.
    pub(crate) async fn answer(&mut self) -> Answer {
        let mut answer = self.head().await;
        let length = answer.header("content-length").unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.io.read_exact(&mut body).await.unwrap();
        answer.body = String::from_utf8(body).unwrap();
        answer
    }

    /// Reads the status line and the headers.
    async fn head(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.io.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer {
            status,
            head,
            body: String::new(),
        }
    }

    /// The first byte of what comes, or `None` if the connection is closed.
    pub(crate) async fn first_byte(&mut self) -> Option<u8> {
        self.io.read_u8().await.ok()
    }

    /// Whether the server has closed the connection, without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        // A reset is a way to close, too.
        self.first_byte().await.is_none()
    }
}
