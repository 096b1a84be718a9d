// The same with moments: `checked_add` and `timeout_at` for who prefers them.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

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
    let deadline = Instant::now() + policy.total;
    for attempt in 0.. {
        let failure = match timeout_at(deadline, operation()).await {
            Err(_) => return Err(Failure::TimedOut),
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(Failure::BadRequest)) => return Err(Failure::BadRequest),
            Ok(Err(failure)) => failure,
        };
        if attempt + 1 == policy.attempts {
            return Err(failure);
        }
        let delay = policy.delay * 2_u32.pow(attempt);
        let mut moment = Instant::now() + delay + delay.mul_f64(random());
        if let Failure::Busy { retry_after } = failure {
            moment += retry_after;
        }
        if moment >= deadline {
            return Err(failure);
        }
        sleep_until(moment).await;
    }
    unreachable!("the last attempt returns")
}
