// misconception: the-waits-are-the-whole

use std::time::Duration;

use tokio::time::sleep;

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
    let mut waited = Duration::ZERO;
    let mut delay = policy.delay;
    let mut attempt = 1;
    loop {
        let failure = match operation().await {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        let retry_after = match failure {
            Failure::BadRequest => return Err(failure),
            Failure::Busy { retry_after } => retry_after,
            Failure::Refused | Failure::TimedOut => Duration::ZERO,
        };
        let pause = retry_after + delay.mul_f64(1.0 + random());
        waited += pause;
        if attempt == policy.attempts || waited >= policy.total {
            return Err(failure);
        }
        sleep(pause).await;
        delay *= 2;
        attempt += 1;
    }
}
