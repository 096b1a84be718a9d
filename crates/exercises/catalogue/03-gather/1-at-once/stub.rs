// All pages at once                                          fix, chapter 03-gather
//
// `fetch_all` fetches one page after the other: pages of 3, 1 and 2 seconds take six seconds.
// Change it so that they are fetched at the same time. The results keep the order of the input.

use std::time::Duration;

use tokio::time::sleep;

/// Page `n` takes `n` seconds.
pub async fn fetch(page: u64) -> String {
    sleep(Duration::from_secs(page)).await;
    format!("page {page}")
}

pub async fn fetch_all(pages: &[u64]) -> Vec<String> {
    let mut texts = Vec::new();
    for &page in pages {
        texts.push(fetch(page).await);
    }
    texts
}
