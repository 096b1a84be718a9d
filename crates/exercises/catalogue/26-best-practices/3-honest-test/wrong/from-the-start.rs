// misconception: begun-is-due

use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep_until};

/// `ask` sends a request, and is done when the answer is there.
pub async fn test(ask: impl AsyncFn(u32), requests: u32, every: Duration) -> Vec<Duration> {
    let (begin, ask) = (Instant::now(), &ask);
    let request = |number| async move {
        sleep_until(begin + number * every).await;
        let start = Instant::now();
        ask(number).await;
        start.elapsed()
    };
    join_all((0..requests).map(request)).await
}
