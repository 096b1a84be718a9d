// misconception: wait-into-the-deadline

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

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
    let start = Instant::now();
    let left = || policy.total.saturating_sub(start.elapsed());
    let mut delay = policy.delay;
    let mut last = Failure::TimedOut;
    for _ in 0..policy.attempts {
        if left().is_zero() {
            break;
        }
        let result = timeout(left(), operation()).await;
        last = match result.unwrap_or(Err(Failure::TimedOut)) {
            Ok(value) => return Ok(value),
            Err(Failure::BadRequest) => return Err(Failure::BadRequest),
            Err(failure) => failure,
        };
        let retry_after = match last {
            Failure::Busy { retry_after } => retry_after,
            _ => Duration::ZERO,
        };
        sleep(retry_after + delay.mul_f64(1.0 + random())).await;
        delay *= 2;
    }
    Err(last)
}
