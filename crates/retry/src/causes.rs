//! Failures, collected from the log.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// What one cause has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Attempts that failed so and were followed by another one.
    pub tried_again: u32,
    /// Attempts that failed so and were the last.
    pub gave_up: u32,
    /// The sum of the waits before the next attempt.
    pub waited: Duration,
}

/// A layer for `tracing` that counts the failures that [`Policy::run`](crate::Policy::run) logs, by
/// their cause. Clones share their counts: one goes into the subscriber, one stays with you.
///
/// It needs no text and no parsing, because the fields of an event are values with names.
#[derive(Clone, Debug, Default)]
pub struct Causes(Arc<Mutex<BTreeMap<String, Count>>>);

impl Causes {
    /// What was counted so far, by cause.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, Count> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl<S: Subscriber> Layer<S> for Causes {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        // Whoever else logs may have a field `cause` as well.
        if metadata.target() != crate::policy::TARGET {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Some(cause) = fields.cause else {
            return; // a success
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(cause).or_default();
        if *metadata.level() == Level::ERROR {
            count.gave_up += 1;
        } else {
            count.tried_again += 1;
            count.waited += Duration::from_millis(fields.delay_ms);
        }
    }
}

/// The fields that we look for in an event. It hands over each as a value of its own type.
#[derive(Default)]
struct Fields {
    cause: Option<String>,
    delay_ms: u64,
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "delay_ms" {
            self.delay_ms = value;
        }
    }

    // `%cause` in the event comes here: what has no type that `Visit` knows is text.
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "cause" {
            self.cause = Some(format!("{value:?}"));
        }
    }
}

/// A line for each cause.
impl fmt::Display for Causes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cause    tried again  gave up   waited")?;
        for (cause, count) in self.counts() {
            let Count {
                tried_again,
                gave_up,
                waited,
            } = count;
            let waited = waited.as_secs_f64();
            write!(f, "\n{cause:8} {tried_again:11} {gave_up:8} {waited:6.2} s")?;
        }
        Ok(())
    }
}
