// misconception: the-next-line-runs

use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// There was no connection within the patience of the pool.
#[derive(Debug, PartialEq, Eq)]
pub struct Busy;

pub struct Pool {
    free: Semaphore,
    patience: Duration,
}

/// A connection on loan.
pub struct Connection<'a> {
    pool: &'a Pool,
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
        let Ok(Ok(permit)) = timeout(self.patience, self.free.acquire()).await else {
            return Err(Busy);
        };
        // From here on `give_back` says when it is free.
        permit.forget();
        Ok(Connection { pool: self })
    }
}

impl Connection<'_> {
    pub fn give_back(self) {
        self.pool.free.add_permits(1);
    }
}

pub async fn page(pool: &Pool, user: u32) -> Result<String, Busy> {
    let mut connection = pool.acquire().await?;
    let name = connection.name(user).await;
    let orders = connection.orders(user).await;
    connection.give_back();
    let weather = weather().await;
    Ok(format!("{name}, {orders} orders, {weather}"))
}
