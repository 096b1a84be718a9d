// A set of tasks, each with an `Arc` of its own.

use std::sync::Arc;
use std::time::Duration;

use exercises::Log;
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;

/// A connection to the shop. It is closed when it is dropped.
pub struct Shop {
    log: Log,
}

impl Shop {
    pub fn connect(log: &Log) -> Self {
        log.add("connected");
        Self { log: log.clone() }
    }

    /// Takes a second.
    pub async fn price(&self, item: String) -> u32 {
        sleep(Duration::from_secs(1)).await;
        match item.as_str() {
            "tea" => 3,
            "kettle" => 40,
            _ => 8,
        }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.log.add("closed");
    }
}

pub async fn bill(shop: Shop, items: Vec<String>) -> Result<u32, JoinError> {
    let shop = Arc::new(shop);
    let mut tasks = JoinSet::new();
    for item in items {
        let shop = shop.clone();
        tasks.spawn(async move { shop.price(item).await });
    }
    let mut total = 0;
    while let Some(price) = tasks.join_next().await {
        total += price?;
    }
    Ok(total)
}
