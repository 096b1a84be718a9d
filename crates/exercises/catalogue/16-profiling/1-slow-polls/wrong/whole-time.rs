// misconception: waiting-is-work

use std::time::Duration;

use exercises::Log;
use tokio::time::Instant;

/// Gives what `future` gives. `name` is its name in the lines.
pub async fn watched<F: Future>(name: &str, limit: Duration, log: &Log, future: F) -> F::Output {
    let start = Instant::now();
    let output = future.await;
    let held = start.elapsed();
    if held >= limit {
        log.add(format!("{name} held its thread {} ms", held.as_millis()));
    }
    output
}
