use super::*;
use std::future::ready;

use recloser::{AsyncRecloser, Recloser};

// std's clock does not know that tokio's is paused. To a test, this breaker never gets another
// chance.
#[tokio::test(start_paused = true)]
async fn a_breaker_on_the_clock_of_std_stays_shut_for_an_hour() {
    let recloser = Recloser::custom()
        .closed_len(1)
        .open_wait(Duration::from_secs(1))
        .build();
    let breaker = AsyncRecloser::from(recloser);
    let fails: Result<u64, Failure> = Err(Failure::Unavailable);
    for _ in 0..2 {
        assert!(breaker.call(ready(fails.clone())).await.is_err());
    }
    sleep(Duration::from_hours(1)).await;
    let answer = breaker.call(ready(fails.clone())).await;
    assert!(matches!(answer, Err(recloser::Error::Rejected)));
}

#[tokio::test(start_paused = true)]
async fn a_bad_request_is_not_hidden_behind_an_old_price() {
    let clock = Clock::start();
    let prices = Prices::new(Service::down(clock, 1.0..2.0), Breaker::new(POLICY));
    assert!(prices.quote().await.is_ok());
    let answer = prices.or_last_good(Err(Error::Failed(Failure::BadRequest)));
    assert!(matches!(answer, Err(Error::Failed(Failure::BadRequest))));
    let answer = prices.or_last_good(Err(Error::Refused));
    assert_eq!(
        answer.unwrap().to_string(),
        "100, stale, 0.0 s old (refused)"
    );
}

#[tokio::test(start_paused = true)]
async fn a_retry_ends_at_a_refusal_and_at_a_bad_request() {
    for (error, attempts) in [
        (Error::Refused, 1),
        (Error::Failed(Failure::BadRequest), 1),
        (Error::Failed(Failure::TimedOut), 3),
    ] {
        let mut made = 0;
        let attempt = async || -> Result<u64, _> {
            made += 1;
            Err(match &error {
                Error::Refused => Error::Refused,
                Error::Failed(failure) => Error::Failed(failure.clone()),
            })
        };
        let ended = order::retry(attempt, order::is_worth_a_retry).await;
        assert_eq!(ended, Err(error));
        assert_eq!(made, attempts);
    }
}
