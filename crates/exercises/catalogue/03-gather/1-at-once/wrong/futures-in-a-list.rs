// misconception: call-starts-it

use std::time::Duration;

use tokio::time::sleep;

pub async fn fetch(page: u64) -> String {
    sleep(Duration::from_secs(page)).await;
    format!("page {page}")
}

pub async fn fetch_all(pages: &[u64]) -> Vec<String> {
    let futures: Vec<_> = pages.iter().map(|&page| fetch(page)).collect();
    let mut texts = Vec::new();
    for future in futures {
        texts.push(future.await);
    }
    texts
}
