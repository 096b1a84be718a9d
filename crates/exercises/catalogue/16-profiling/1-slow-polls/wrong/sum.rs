// misconception: polls-add-up

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use exercises::Log;
use tokio::time::Instant;

/// Gives what `future` gives. `name` is its name in the lines.
pub async fn watched<F: Future>(name: &str, limit: Duration, log: &Log, future: F) -> F::Output {
    let mut future = pin!(future);
    let mut held = Duration::ZERO;
    let output = poll_fn(|context| {
        let start = Instant::now();
        let poll = future.as_mut().poll(context);
        held += start.elapsed();
        poll
    })
    .await;
    if held >= limit {
        log.add(format!("{name} held its thread {} ms", held.as_millis()));
    }
    output
}
