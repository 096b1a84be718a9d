use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

/// `ask` sends a request, and is done when the answer is there.
pub async fn test(ask: impl AsyncFn(u32), requests: u32, every: Duration) -> Vec<Duration> {
    let (start, ask) = (Instant::now(), &ask);
    let mut waits = vec![Duration::ZERO; requests as usize];
    let mut under_way = FuturesUnordered::new();
    let mut number = 0;
    loop {
        let due = start + number * every;
        tokio::select! {
            () = sleep_until(due), if number < requests => {
                under_way.push(async move {
                    ask(number).await;
                    (number, due.elapsed())
                });
                number += 1;
            }
            Some((number, wait)) = under_way.next() => waits[number as usize] = wait,
            else => return waits,
        }
    }
}
