//! The loop that takes connections.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};

use crate::event::Event;
use crate::gateway::Gateway;
use crate::snapshot::Totals;

/// How many connections may wait to be accepted. When thousands of devices come back after a power
/// cut, they come at once.
const BACKLOG: u32 = 4096;
/// How many bytes of a device the system keeps before the gateway reads them. Linux doubles it, for
/// its own needs.
const BUFFER: u32 = 16 * 1024;

/// Listens at `address`; port 0 takes a free one.
///
/// # Errors
///
/// Whatever the system says: mostly that the port is in use.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Otherwise a gateway that has just stopped could not start again for a minute. On Windows the
    // option means something else: to take away a port that another program listens on.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    // Connections inherit it. By default the system keeps up to some megabytes for each of them: of a
    // flood, that would be minutes that are read long after they were sent.
    socket.set_recv_buffer_size(BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Takes connections until `shutdown` completes, then says goodbye to every device.
///
/// Dropped, it closes all connections without a word.
pub async fn serve(
    listener: TcpListener,
    gateway: &Gateway,
    shutdown: impl Future<Output = ()>,
) -> Totals {
    // A task for each connection, as asyncio.start_server makes them. The set also aborts them when
    // this function is dropped.
    let mut connections = JoinSet::new();
    accept(&listener, gateway, &mut connections, shutdown).await;
    drop(listener);
    gateway.stop();
    // Each of them ends by itself: no goodbye takes longer than a second.
    while connections.join_next().await.is_some() {}
    gateway.has_stopped();
    gateway.totals()
}

async fn accept(
    listener: &TcpListener,
    gateway: &Gateway,
    connections: &mut JoinSet<()>,
    shutdown: impl Future<Output = ()>,
) {
    let mut shutdown = pin!(shutdown);
    let mut summary = interval(gateway.options().summary_every);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Commands are small and wait for their answer: do not wait for more to send.
                    let _ = stream.set_nodelay(true);
                    let gateway = gateway.clone();
                    connections.spawn(async move { gateway.attend(stream).await });
                }
                Err(error) => {
                    gateway.tell(Event::CannotAccept { error: error.to_string() });
                    // Mostly there are no file descriptors left, and asking again at once would
                    // keep a core busy until there are. Those who are connected notice nothing.
                    sleep(Duration::from_millis(100)).await;
                }
            },
            // Otherwise the set would keep the result of each connection that there ever was. One
            // that has panicked has lost its own device and no other.
            Some(_) = connections.join_next() => {}
            _ = summary.tick() => gateway.tell(Event::Summary { totals: gateway.totals() }),
            () = &mut shutdown => break,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;
    use crate::Options;

    /// A gateway runs for years: what stays of each connection is a leak, however small.
    #[tokio::test]
    async fn connections_that_have_ended_are_forgotten() {
        let gateway = Gateway::new(Options::default());
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let mut connections = JoinSet::new();
        let devices = async {
            for _ in 0..100 {
                // The gateway closes what says no hello.
                let mut device = TcpStream::connect(address).await.unwrap();
                device.shutdown().await.unwrap();
                device.read_to_end(&mut Vec::new()).await.unwrap();
            }
        };
        accept(&listener, &gateway, &mut connections, devices).await;
        assert_eq!(gateway.totals().accepted, 100);
        // One that has ended just now may still be in there.
        assert!(connections.len() < 10, "{}", connections.len());
    }
}
