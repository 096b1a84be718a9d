// misconception: blocks-only-itself

use std::time::Duration;

use exercises::Log;
use tokio::time::{Instant, sleep};

/// Gives what `future` gives. `name` is its name in the lines.
pub async fn watched<F: Future>(name: &str, limit: Duration, log: &Log, future: F) -> F::Output {
    let start = Instant::now();
    let (alarm_log, alarm_name) = (log.clone(), name.to_owned());
    let alarm = tokio::spawn(async move {
        sleep(limit).await;
        let held = start.elapsed().as_millis();
        alarm_log.add(format!("{alarm_name} held its thread {held} ms"));
    });
    let output = future.await;
    alarm.abort();
    output
}
