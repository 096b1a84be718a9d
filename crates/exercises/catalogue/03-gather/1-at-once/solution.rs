// `join_all` polls each future once, and later whichever is woken. No future waits for another.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::sleep;

/// Page `n` takes `n` seconds.
pub async fn fetch(page: u64) -> String {
    sleep(Duration::from_secs(page)).await;
    format!("page {page}")
}

pub async fn fetch_all(pages: &[u64]) -> Vec<String> {
    join_all(pages.iter().map(|&page| fetch(page))).await
}
