//! Sockets, and the part of the loop that asks the operating system about them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use mio::{Events, Interest, Token, event, net};

use crate::executor::running;
use crate::trace::note;

/// Knows which task waits for which socket: asyncio's selector.
pub(crate) struct Reactor {
    poll: mio::Poll,
    events: Events,
    pub(crate) sockets: HashMap<Token, Waiting>,
    next: usize,
}

/// Who waits for one socket: at most one task for each direction, the last that asked.
#[derive(Default)]
pub(crate) struct Waiting {
    to_read: Option<Waker>,
    to_write: Option<Waker>,
}

/// What a task may wait for.
#[derive(Clone, Copy)]
enum Direction {
    Read,
    Write,
}

impl Reactor {
    pub(crate) fn new() -> io::Result<(Self, mio::Waker)> {
        let poll = mio::Poll::new()?;
        // The first number is the alarm's; nobody waits for that one.
        let alarm = mio::Waker::new(poll.registry(), Token(0))?;
        let reactor = Self {
            poll,
            events: Events::with_capacity(1024),
            sockets: HashMap::new(),
            next: 1,
        };
        Ok((reactor, alarm))
    }

    /// Sleeps until a socket is ready, the alarm rings, or `timeout` is over (`None`: it has no
    /// end). Returns the wakers of those who waited for what is ready now.
    pub(crate) fn select(&mut self, timeout: Option<Duration>) -> io::Result<Vec<Waker>> {
        match self.poll.poll(&mut self.events, timeout) {
            // A signal of the operating system ends the sleep too.
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let mut ready = Vec::new();
        for event in &self.events {
            let Some(waiting) = self.sockets.get_mut(&event.token()) else {
                continue;
            };
            // An error is reported by the read or write that is tried again because of it.
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                ready.extend(waiting.to_read.take());
            }
            if event.is_writable() || event.is_write_closed() || event.is_error() {
                ready.extend(waiting.to_write.take());
            }
        }
        Ok(ready)
    }
}

/// A socket that the reactor knows, until it is dropped.
struct Socket<S: event::Source> {
    inner: S,
    token: Token,
    reactor: Rc<RefCell<Reactor>>,
}

impl<S: event::Source> Socket<S> {
    fn new(mut inner: S) -> io::Result<Self> {
        let reactor = Rc::clone(&running().reactor);
        let mut borrowed = reactor.borrow_mut();
        let token = Token(borrowed.next);
        borrowed.next += 1;
        let both = Interest::READABLE | Interest::WRITABLE;
        let registry = borrowed.poll.registry();
        registry.register(&mut inner, token, both)?;
        borrowed.sockets.insert(token, Waiting::default());
        drop(borrowed);
        Ok(Self {
            inner,
            token,
            reactor,
        })
    }

    /// Tries `operation`, and as long as it would block, waits for the socket and tries again.
    ///
    /// In this order: the operating system tells once that a socket *became* ready, so whoever
    /// waits without having tried may wait for news that is old.
    async fn retry<T>(
        &self,
        direction: Direction,
        mut operation: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        poll_fn(|cx| {
            loop {
                match operation(&self.inner) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    result => return Poll::Ready(result),
                }
            }
            if let Some(waiting) = self.reactor.borrow_mut().sockets.get_mut(&self.token) {
                let waker = Some(cx.waker().clone());
                match direction {
                    Direction::Read => waiting.to_read = waker,
                    Direction::Write => waiting.to_write = waker,
                }
                note("waits for a socket");
            }
            Poll::Pending
        })
        .await
    }
}

impl<S: event::Source> Drop for Socket<S> {
    fn drop(&mut self) {
        let mut reactor = self.reactor.borrow_mut();
        // It fails if the operating system has forgotten the socket, which is what we ask for.
        let _ = reactor.poll.registry().deregister(&mut self.inner);
        reactor.sockets.remove(&self.token);
    }
}

/// A socket that takes connections: `asyncio.start_server`.
pub struct TcpListener(Socket<net::TcpListener>);

impl TcpListener {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// If the address is in use or not ours, or too many files are open.
    ///
    /// # Panics
    ///
    /// Outside of [`EventLoop::block_on`](crate::EventLoop::block_on).
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        Socket::new(net::TcpListener::bind(address)?).map(Self)
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// If the operating system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.inner.local_addr()
    }

    /// Waits for the next connection. May be dropped at any time: no connection is lost.
    ///
    /// # Errors
    ///
    /// If too many files are open, or the client has gone already.
    pub async fn accept(&self) -> io::Result<TcpStream> {
        let accept = |listener: &net::TcpListener| listener.accept();
        let (stream, _) = self.0.retry(Direction::Read, accept).await?;
        Socket::new(stream).map(TcpStream)
    }
}

/// A connection: `asyncio.open_connection`. One task may read and one may write at a time.
pub struct TcpStream(Socket<net::TcpStream>);

impl TcpStream {
    /// Connects to `address`.
    ///
    /// # Errors
    ///
    /// If nobody listens there, or too many files are open.
    ///
    /// # Panics
    ///
    /// Outside of [`EventLoop::block_on`](crate::EventLoop::block_on).
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(net::TcpStream::connect(address)?)?;
        // A socket that is being connected becomes writable when it is connected, or cannot be.
        let connected = |stream: &net::TcpStream| {
            if let Some(error) = stream.take_error()? {
                return Err(error);
            }
            match stream.peer_addr() {
                Err(error) if error.kind() == ErrorKind::NotConnected => {
                    Err(ErrorKind::WouldBlock.into())
                }
                answer => answer,
            }
        };
        socket.retry(Direction::Write, connected).await?;
        Ok(Self(socket))
    }

    /// Reads what is there into `buffer`, and waits if nothing is. 0 bytes: the other side has
    /// closed. May be dropped at any time: no byte is lost.
    ///
    /// # Errors
    ///
    /// If the connection is broken.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = |mut stream: &net::TcpStream| stream.read(buffer);
        self.0.retry(Direction::Read, read).await
    }

    /// Writes all of `bytes`. Dropped before it is done, it has written some of them.
    ///
    /// # Errors
    ///
    /// If the connection is broken.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let write = |mut stream: &net::TcpStream| stream.write(bytes);
            match self.0.retry(Direction::Write, write).await? {
                0 => return Err(ErrorKind::WriteZero.into()),
                written => bytes = &bytes[written..],
            }
        }
        Ok(())
    }
}

/// How many sockets are open on the running loop.
///
/// # Panics
///
/// Outside of [`EventLoop::block_on`](crate::EventLoop::block_on).
#[must_use]
pub fn open_sockets() -> usize {
    running().reactor.borrow().sockets.len()
}
