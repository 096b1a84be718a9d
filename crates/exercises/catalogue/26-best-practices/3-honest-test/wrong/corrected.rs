// misconception: a-correction-is-a-load

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// `ask` sends a request, and is done when the answer is there.
pub async fn test(ask: impl AsyncFn(u32), requests: u32, every: Duration) -> Vec<Duration> {
    let start = Instant::now();
    let mut waits = Vec::new();
    for number in 0..requests {
        let due = start + number * every;
        sleep_until(due).await;
        ask(number).await;
        waits.push(due.elapsed());
    }
    waits
}
