// A small pool                                                     fix, chapter 22-database
//
// `page` asks the database twice and another service once. A pool of two connections could serve
// five pages a second. But when two pages are asked for at the same moment, both hang; and who does
// get a connection keeps it while another service answers. Mend it. Each page is answered, and no
// connection is held while nothing is asked with it. When no connection becomes free within the
// `patience` of the pool, whoever waits for one gets `Busy`, as the service of the chapter answers
// 503; who has got one is not limited. And whenever a page is dropped, its connection is free again.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::sleep;

/// There was no connection within the patience of the pool.
#[derive(Debug, PartialEq, Eq)]
pub struct Busy;

pub struct Pool {
    free: Semaphore,
    patience: Duration,
}

/// A connection on loan. Dropped, it goes back to the pool.
pub struct Connection<'a> {
    _permit: SemaphorePermit<'a>,
}

impl Connection<'_> {
    /// A query of 0.2 seconds.
    async fn name(&mut self, user: u32) -> String {
        sleep(Duration::from_millis(200)).await;
        format!("user {user}")
    }

    /// A query of 0.2 seconds.
    async fn orders(&mut self, user: u32) -> u32 {
        sleep(Duration::from_millis(200)).await;
        user % 10
    }
}

/// Asks somebody else's service: a second.
async fn weather() -> &'static str {
    sleep(Duration::from_secs(1)).await;
    "rain"
}

impl Pool {
    pub fn new(connections: usize, patience: Duration) -> Self {
        let free = Semaphore::new(connections);
        Self { free, patience }
    }

    pub async fn acquire(&self) -> Result<Connection<'_>, Busy> {
        let _permit = self.free.acquire().await.map_err(|_| Busy)?;
        Ok(Connection { _permit })
    }
}

pub async fn page(pool: &Pool, user: u32) -> Result<String, Busy> {
    let mut connection = pool.acquire().await?;
    let name = connection.name(user).await;
    let orders = count_orders(pool, user).await?;
    let weather = weather().await;
    Ok(format!("{name}, {orders} orders, {weather}"))
}

async fn count_orders(pool: &Pool, user: u32) -> Result<u32, Busy> {
    let mut connection = pool.acquire().await?;
    Ok(connection.orders(user).await)
}
