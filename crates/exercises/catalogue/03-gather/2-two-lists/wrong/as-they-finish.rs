// misconception: results-as-they-finish

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::sleep;

/// Takes a second.
pub async fn name(id: usize) -> &'static str {
    sleep(Duration::from_secs(1)).await;
    ["tea", "coffee", "water"][id]
}

/// Takes `id + 1` seconds.
pub async fn price(id: usize) -> u32 {
    sleep(Duration::from_secs(id as u64 + 1)).await;
    [3, 4, 1][id]
}

pub async fn menu(ids: &[usize]) -> Vec<String> {
    let lines: FuturesUnordered<_> = ids
        .iter()
        .map(async |&id| {
            let (name, price) = tokio::join!(name(id), price(id));
            format!("{name}: {price}")
        })
        .collect();
    lines.collect().await
}
