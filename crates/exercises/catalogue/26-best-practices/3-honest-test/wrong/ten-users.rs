// misconception: the-tester-may-wait

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
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
    // Ten users.
    stream::iter((0..requests).map(request))
        .buffered(10)
        .collect()
        .await
}
