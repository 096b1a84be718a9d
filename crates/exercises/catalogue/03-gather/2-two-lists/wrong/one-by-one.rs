// misconception: call-starts-it

use std::time::Duration;

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
    let mut lines = Vec::new();
    for &id in ids {
        let (name, price) = (name(id), price(id));
        lines.push(format!("{}: {}", name.await, price.await));
    }
    lines
}
