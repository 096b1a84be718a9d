// All requests are under way from the start, and each waits for its own moment. None of them knows
// how the others fare, and what was lost before one began counts for it.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep_until};

/// `ask` sends a request, and is done when the answer is there.
pub async fn test(ask: impl AsyncFn(u32), requests: u32, every: Duration) -> Vec<Duration> {
    let (start, ask) = (Instant::now(), &ask);
    let request = |number| async move {
        let due = start + number * every;
        sleep_until(due).await;
        ask(number).await;
        due.elapsed()
    };
    join_all((0..requests).map(request)).await
}
