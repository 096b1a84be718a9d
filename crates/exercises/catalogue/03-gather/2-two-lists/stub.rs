// Prices and names                                    complete, chapter 03-gather
//
// For each id, fetch its name and its price, all of them at the same time, and give one line for
// each id in the order of the input, such as `tea: 3`. The whole takes as long as the slowest
// call.

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
    todo!("fetch the names and prices of {ids:?}")
}
