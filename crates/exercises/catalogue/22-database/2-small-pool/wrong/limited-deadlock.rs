// misconception: a-limit-cures-a-deadlock

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

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
        let acquired = timeout(self.patience, self.free.acquire()).await;
        // Nobody closes the semaphore, so the one error is that of the time limit.
        let Ok(Ok(_permit)) = acquired else {
            return Err(Busy);
        };
        Ok(Connection { _permit })
    }
}

pub async fn page(pool: &Pool, user: u32) -> Result<String, Busy> {
    let mut connection = pool.acquire().await?;
    let name = connection.name(user).await;
    let orders = count_orders(pool, user).await?;
    drop(connection);
    let weather = weather().await;
    Ok(format!("{name}, {orders} orders, {weather}"))
}

async fn count_orders(pool: &Pool, user: u32) -> Result<u32, Busy> {
    let mut connection = pool.acquire().await?;
    Ok(connection.orders(user).await)
}
