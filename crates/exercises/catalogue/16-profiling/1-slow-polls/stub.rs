// A warning for slow polls                            complete, chapter 16-profiling
//
// `watched` awaits a future. For each of its polls that held the thread for `limit` or longer it
// writes a line, as soon as that poll is over: `order held its thread 20 ms`. What the future
// computes holds the thread, and what it waits for does not. Take the time from tokio's `Instant`:
// the check has moved that clock while the future "computes".

use std::time::Duration;

use exercises::Log;

/// Gives what `future` gives. `name` is its name in the lines.
pub async fn watched<F: Future>(name: &str, limit: Duration, log: &Log, future: F) -> F::Output {
    todo!("await it, and write a line for each poll of {limit:?} or longer")
}
