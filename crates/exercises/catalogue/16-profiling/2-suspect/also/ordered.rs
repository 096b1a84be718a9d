// The queries together, in the order of the orders; the seal in a thread, so that it holds nobody up.

use std::time::Duration;

use futures::stream::FuturesOrdered;
use futures::{FutureExt as _, StreamExt as _};
use tokio::time::{advance, sleep};

pub struct Order {
    pub article: u32,
    pub pieces: u32,
}

/// Customer `n` has made `n` orders. Stands in for a query of 10 ms.
pub async fn orders(customer: u32) -> Vec<Order> {
    sleep(Duration::from_millis(10)).await;
    let order = |number| Order {
        article: 17 + number % 10,
        pieces: number + 1,
    };
    (0..customer).map(order).collect()
}

/// Stands in for a query of 10 ms, or of 20 for what is read from a slower disk.
pub async fn article(number: u32) -> String {
    let time = if number.is_multiple_of(7) { 20 } else { 10 };
    sleep(Duration::from_millis(time)).await;
    format!("article {number}")
}

/// Signs a text. Computes for 30 ms: the thread is held, and the paused clock is told so.
pub fn seal(text: &str) -> u32 {
    let _ = advance(Duration::from_millis(30)).now_or_never();
    let mix = |seal: u32, byte| (seal ^ u32::from(byte)).wrapping_mul(16_777_619);
    text.bytes().fold(2_166_136_261, mix)
}

async fn line(order: &Order) -> String {
    let article = article(order.article).await;
    format!("{} x {article}\n", order.pieces)
}

pub async fn statement(customer: u32) -> String {
    let orders = orders(customer).await;
    let lines: FuturesOrdered<_> = orders.iter().map(line).collect();
    let text: String = lines.collect().await;
    let sealed = tokio::task::spawn_blocking(move || {
        let seal = seal(&text);
        format!("{text}seal {seal:08x}\n")
    });
    sealed.await.expect("the seal does not panic")
}
