// Tasks, awaited in the order of the input.

use std::time::Duration;

use tokio::time::sleep;

pub async fn fetch(page: u64) -> String {
    sleep(Duration::from_secs(page)).await;
    format!("page {page}")
}

pub async fn fetch_all(pages: &[u64]) -> Vec<String> {
    let tasks: Vec<_> = pages
        .iter()
        .map(|&page| tokio::spawn(fetch(page)))
        .collect();
    let mut texts = Vec::new();
    for task in tasks {
        texts.push(task.await.unwrap());
    }
    texts
}
