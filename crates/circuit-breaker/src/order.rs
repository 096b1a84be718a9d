//! Where the breaker belongs among retry and timeout.

use std::time::Duration;

use circuit_breaker::{Breaker, Error};
use futures::future::join_all;
use tokio::time::{sleep, timeout};

use crate::POLICY;
use crate::service::{Clock, Failure, PATIENCE, Service, ask};

const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(400);

/// Tries up to three times, as long as `again` says of the error that it may go better next time.
pub(crate) async fn retry<T, E>(
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
    again: impl Fn(&E) -> bool,
) -> Result<T, E> {
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(error) if again(&error) => sleep(PAUSE).await,
            ended => return ended,
        }
    }
    attempt().await
}

/// A refusal ends the retrying: the breaker has said that it is of no use now.
pub(crate) fn is_worth_a_retry(error: &Error<Failure>) -> bool {
    matches!(error, Error::Failed(failure) if failure.speaks_against_the_service())
}

#[derive(Clone, Copy)]
enum Order {
    RetryBreakerTimeout,
    RetryOfRefusals,
    BreakerRetryTimeout,
    TimeoutBreaker,
}

impl Order {
    const ALL: [(&str, Self); 4] = [
        ("retry(breaker(timeout(call)))", Self::RetryBreakerTimeout),
        ("the same, retries refusals too", Self::RetryOfRefusals),
        ("breaker(retry(timeout(call)))", Self::BreakerRetryTimeout),
        ("retry(timeout(breaker(call)))", Self::TimeoutBreaker),
    ];

    /// One request of a user. Nobody looks at its answer: the service is down.
    async fn request(self, breaker: &Breaker, service: &Service) {
        let counts = Failure::speaks_against_the_service;
        match self {
            Self::RetryBreakerTimeout => {
                let attempt = async || breaker.call(ask(service), counts).await;
                let _ = retry(attempt, is_worth_a_retry).await;
            }
            Self::RetryOfRefusals => {
                let attempt = async || breaker.call(ask(service), counts).await;
                let _ = retry(attempt, |_| true).await;
            }
            Self::BreakerRetryTimeout => {
                let retried = retry(async || ask(service).await, counts);
                let _ = breaker.call(retried, counts).await;
            }
            Self::TimeoutBreaker => {
                let attempt =
                    async || timeout(PATIENCE, breaker.call(service.price(), counts)).await;
                let _ = retry(attempt, |_| true).await;
            }
        }
    }
}

/// Four requests, one after the other, to a service that is down.
async fn four_requests(name: &str, order: Order) -> String {
    let clock = Clock::start();
    let service = Service::down(clock, 0.0..60.0);
    let breaker = Breaker::new(POLICY);
    for _ in 0..4 {
        order.request(&breaker, &service).await;
    }
    let seconds = clock.now().as_secs_f64();
    let (reached, state) = (service.reached(), breaker.state());
    format!("{name:31} {reached:7} {seconds:8.1}  {state}")
}

pub(crate) async fn order() {
    let rows = join_all(Order::ALL.map(|(name, order)| four_requests(name, order))).await;
    println!("from the outside in             reached  seconds  the breaker is");
    println!("{}", rows.join("\n"));
}
