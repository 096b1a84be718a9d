// misconception: told-to-come-has-no-limit

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
    let mut failures = 0;
    loop {
        let result = timeout(left(), operation()).await;
        let failure = match result.unwrap_or(Err(Failure::TimedOut)) {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        let pause = match failure {
            Failure::BadRequest => return Err(failure),
            // The service asks us to come again.
            Failure::Busy { retry_after } => retry_after + delay.mul_f64(random()),
            Failure::Refused | Failure::TimedOut => {
                failures += 1;
                if failures == policy.attempts {
                    return Err(failure);
                }
                let pause = delay.mul_f64(1.0 + random());
                delay *= 2;
                pause
            }
        };
        if pause >= left() {
            return Err(failure);
        }
        sleep(pause).await;
    }
}
