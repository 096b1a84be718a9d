// One connection                             make it compile, chapter 06-create-task
//
// `bill` asks the shop for the price of each item, all of them at the same time over its one
// connection, and adds them up. It does not compile. Make it compile; change `bill` alone. The
// connection is closed when `bill` returns.

use std::time::Duration;

use exercises::Log;
use tokio::task::JoinError;
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
    let mut tasks = Vec::new();
    for item in items {
        tasks.push(tokio::spawn(async { shop.price(item).await }));
    }
    let mut total = 0;
    for task in tasks {
        total += task.await?;
    }
    Ok(total)
}
