// Two lists, joined.

use std::time::Duration;

use futures::future::join_all;
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
    let names = join_all(ids.iter().map(|&id| name(id)));
    let prices = join_all(ids.iter().map(|&id| price(id)));
    let (names, prices) = tokio::join!(names, prices);
    let pairs = names.iter().zip(prices);
    pairs
        .map(|(name, price)| format!("{name}: {price}"))
        .collect()
}
