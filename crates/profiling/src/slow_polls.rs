//! A warning for each poll that held its thread too long: asyncio's debug mode, on stable Rust.

use std::time::Duration;

use tokio::time::Instant;
use tracing::Subscriber;
use tracing::span::Id;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Prints a line for each stay in a span of `limit` or longer.
///
/// A future that was given a span by `tracing::Instrument` enters it at the beginning of each poll
/// and leaves it at the end, so a stay is a poll. (It enters once more, for no time, to be dropped.)
#[derive(Debug)]
pub(crate) struct SlowPolls {
    pub(crate) limit: Duration,
}

/// When the span was entered. Kept with the span.
struct Entered(Instant);

impl<S> Layer<S> for SlowPolls
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            span.extensions_mut().replace(Entered(Instant::now()));
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let Some(Entered(start)) = span.extensions_mut().remove() else {
            return;
        };
        let held = start.elapsed();
        if held >= self.limit {
            let place = span.metadata();
            println!(
                "slow poll: {} held its thread {} ms ({}:{})",
                place.name(),
                held.as_millis(),
                place.file().unwrap_or("unknown"),
                place.line().unwrap_or_default(),
            );
        }
    }
}
