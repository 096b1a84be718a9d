// Come back later                                       complete, chapter 13-retry
//
// `retry` calls `operation` until it succeeds, and returns its value or the last failure.
//   - There are `attempts` calls at the most. A `BadRequest` is not tried again.
//   - The first wait is `delay`, the next twice as long, and so on. Jitter is added: each wait lies
//     between once and twice that. `random` gives numbers from 0 up to 1.
//   - Where the service names a `retry_after`, the wait is that much longer.
//   - After `total` it has ended, whatever happens: an attempt that is under way then has failed
//     with `TimedOut`. A wait that would not end before is not begun.

use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody listens there.
    Refused,
    /// 503, with what its `Retry-After` says.
    Busy { retry_after: Duration },
    /// 400
    BadRequest,
    /// No answer when the total time was over.
    TimedOut,
}

pub struct Policy {
    pub attempts: u32,
    pub delay: Duration,
    pub total: Duration,
}

pub async fn retry<T>(
    policy: &Policy,
    operation: impl AsyncFn() -> Result<T, Failure>,
    random: impl Fn() -> f64,
) -> Result<T, Failure> {
    todo!("try {} times", policy.attempts)
}
