//! A server that sends back what it gets, and its clients.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use event_loop::{TcpListener, TcpStream, now, open_sockets, sleep, spawn};
use futures::future::try_join;

/// How many messages a client sends.
const MESSAGES: usize = 10;

/// Sends back what comes, until the client closes. Returns the number of bytes.
async fn echo(stream: TcpStream) -> io::Result<usize> {
    let mut buffer = [0; 4096];
    let mut bytes = 0;
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(bytes);
        }
        stream.write_all(&buffer[..read]).await?;
        bytes += read;
    }
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address)
        .map_err(|error| told(&error, format_args!("cannot listen on {address}")))
}

/// Waits for the next client.
async fn accept(listener: &TcpListener, client: usize) -> io::Result<TcpStream> {
    let accepted = listener.accept().await;
    accepted.map_err(|error| told(&error, format_args!("cannot accept client {client}")))
}

/// Serves until the process is ended.
pub(crate) async fn serve(port: u16) -> io::Result<()> {
    let listener = listen(port)?;
    println!("echo on {}", listener.local_addr()?);
    for client in 0.. {
        let stream = accept(&listener, client).await?;
        // Nobody awaits it: a client that breaks off ends its own task and no other.
        drop(spawn(format!("echo({client})"), echo(stream)));
    }
    Ok(())
}

struct Served {
    most_at_once: usize,
    bytes: usize,
}

/// Serves so many clients to their end.
async fn serve_some(listener: TcpListener, clients: usize) -> io::Result<Served> {
    let open = Rc::new(Cell::new(0));
    let mut most_at_once = 0;
    let mut tasks = Vec::new();
    for client in 0..clients {
        let stream = accept(&listener, client).await?;
        let open = Rc::clone(&open);
        open.set(open.get() + 1);
        most_at_once = most_at_once.max(open.get());
        tasks.push(spawn(format!("echo({client})"), async move {
            let bytes = echo(stream).await;
            open.set(open.get() - 1);
            bytes
        }));
    }
    let mut bytes = 0;
    for task in tasks {
        bytes += task.await?;
    }
    Ok(Served {
        most_at_once,
        bytes,
    })
}

/// Serves `clients` clients that run in a process of their own: a connection has two ends, each is
/// an open file, and many systems allow a process no more than 1,024.
pub(crate) async fn server_and_clients(clients: usize) -> io::Result<()> {
    let start = now();
    let listener = listen(0)?;
    let mut other_process = Clients::start(listener.local_addr()?, clients)?;
    let server = spawn("server", serve_some(listener, clients));
    let (done, ()) = try_join(server, other_process.ended()).await?;
    println!(
        "server: {clients} clients, {} of them at the same time; {} bytes; {:.1} s",
        done.most_at_once,
        done.bytes,
        (now() - start).as_secs_f64()
    );
    println!("sockets still open: {}", open_sockets());
    Ok(())
}

/// This program once more, as clients. Ended when it is dropped.
struct Clients(Child);

impl Clients {
    fn start(server: SocketAddr, clients: usize) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--connect", &server.to_string()]);
        command.args(["--clients", &clients.to_string()]);
        command.stdin(Stdio::null()).spawn().map(Self)
    }

    /// Waits for its end. The operating system has no event for that which all systems share, so
    /// this asks from time to time.
    async fn ended(&mut self) -> io::Result<()> {
        loop {
            match self.0.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(_) => return Err(io::Error::other("the clients have stopped early")),
                None => sleep(Duration::from_millis(10)).await,
            }
        }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        // Fails if it has ended, which is what we want.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `clients` clients for the server at `server`, all connected at the same time.
pub(crate) async fn clients(server: SocketAddr, clients: usize) -> io::Result<()> {
    let mut bytes = 0;
    let mut streams = Vec::new();
    for client in 0..clients {
        let connected = TcpStream::connect(server).await;
        let stream = connected
            .map_err(|error| told(&error, format_args!("cannot connect client {client}")))?;
        // Answered, it has been accepted: nobody closes before everybody is served.
        bytes += round_trip(&stream, client, 0).await?;
        streams.push(stream);
    }
    // Now all of them at once.
    let mut tasks = Vec::new();
    for (client, stream) in streams.into_iter().enumerate() {
        tasks.push(spawn(format!("client({client})"), talk(stream, client)));
    }
    for task in tasks {
        bytes += task.await?;
    }
    println!("clients: {clients}, each got back what it sent; {bytes} bytes");
    Ok(())
}

/// Sends all messages but the first. Returns the number of bytes that came back.
async fn talk(stream: TcpStream, client: usize) -> io::Result<usize> {
    let mut bytes = 0;
    for message in 1..MESSAGES {
        bytes += round_trip(&stream, client, message).await?;
    }
    Ok(bytes)
}

/// Sends a message that no other client sends, and waits for the same bytes. Returns their number.
async fn round_trip(stream: &TcpStream, client: usize, message: usize) -> io::Result<usize> {
    let sent = format!("client {client:>6}, message {message:>2};")
        .repeat(40)
        .into_bytes();
    stream.write_all(&sent).await?;
    let mut received = vec![0; sent.len()];
    let mut read = 0;
    while read < received.len() {
        match stream.read(&mut received[read..]).await? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            more => read += more,
        }
    }
    if received != sent {
        return Err(io::Error::other(format!(
            "client {client} got bytes of somebody else"
        )));
    }
    Ok(read)
}

/// `error` with what was being done, and with what to do if that is known.
fn told(error: &io::Error, doing: impl Display) -> io::Error {
    const TOO_MANY_OPEN_FILES: i32 = 24;
    let advice = match (error.kind(), error.raw_os_error()) {
        (ErrorKind::AddrInUse, _) => "; another program listens there: take another --port",
        (ErrorKind::ConnectionRefused, _) => "; start a server first, with --serve",
        (_, Some(TOO_MANY_OPEN_FILES)) if cfg!(unix) => {
            "; a connection is an open file: allow more with `ulimit -n 4096`, or take fewer --clients"
        }
        _ => "",
    };
    io::Error::new(error.kind(), format!("{doing}: {error}{advice}"))
}
