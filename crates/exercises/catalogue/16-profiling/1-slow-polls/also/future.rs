// A future of its own, around the one that is watched.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use exercises::Log;
use tokio::time::Instant;

struct Watched<'a, F> {
    name: &'a str,
    limit: Duration,
    log: &'a Log,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Watched<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let start = Instant::now();
        let poll = self.future.as_mut().poll(context);
        let held = start.elapsed();
        if held >= self.limit {
            let held = held.as_millis();
            self.log
                .add(format!("{} held its thread {held} ms", self.name));
        }
        poll
    }
}

/// Gives what `future` gives. `name` is its name in the lines.
pub async fn watched<F: Future>(name: &str, limit: Duration, log: &Log, future: F) -> F::Output {
    let future = Box::pin(future);
    let watched = Watched {
        name,
        limit,
        log,
        future,
    };
    watched.await
}
