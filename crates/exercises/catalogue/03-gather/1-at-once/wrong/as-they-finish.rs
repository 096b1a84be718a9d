// misconception: results-as-they-finish

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::sleep;

pub async fn fetch(page: u64) -> String {
    sleep(Duration::from_secs(page)).await;
    format!("page {page}")
}

pub async fn fetch_all(pages: &[u64]) -> Vec<String> {
    let futures: FuturesUnordered<_> = pages.iter().map(|&page| fetch(page)).collect();
    futures.collect().await
}
