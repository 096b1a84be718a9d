//! Something between a server and its Redis that can be cut.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    redis: SocketAddr,
    cut: CancellationToken,
}

impl Proxy {
    pub(crate) async fn start(redis: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut proxy = Self {
            address,
            redis,
            cut: CancellationToken::new(),
        };
        proxy.carry(listener);
        proxy
    }

    fn carry(&mut self, listener: TcpListener) {
        let (cut, redis) = (CancellationToken::new(), self.redis);
        self.cut = cut.clone();
        tokio::spawn(cut.run_until_cancelled_owned(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let mut far = TcpStream::connect(redis).await.unwrap();
                connections.spawn(async move { copy_bidirectional(&mut near, &mut far).await });
            }
        }));
    }

    /// Ends all connections, and takes none.
    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }

    pub(crate) async fn mend(&mut self) {
        // The port may be in use for a moment.
        loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => return self.carry(listener),
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        }
    }
}
