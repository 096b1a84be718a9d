// misconception: one-poll-is-all

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use exercises::Log;
use tokio::time::Instant;

/// Gives what `future` gives. `name` is its name in the lines.
pub async fn watched<F: Future>(name: &str, limit: Duration, log: &Log, future: F) -> F::Output {
    let mut future = pin!(future);
    let start = Instant::now();
    let poll = futures::poll!(&mut future);
    let held = start.elapsed();
    if held >= limit {
        log.add(format!("{name} held its thread {} ms", held.as_millis()));
    }
    match poll {
        Poll::Ready(output) => output,
        Poll::Pending => future.await,
    }
}
