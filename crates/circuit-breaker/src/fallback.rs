//! What a caller gets while the breaker is open.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use circuit_breaker::{Breaker, Error};
use futures::future::join_all;
use tokio::time::Instant;

use crate::service::{Clock, Failure, Service};
use crate::{guarded, logged};

/// A price, or the one from before.
#[derive(Debug)]
pub(crate) enum Quote {
    Fresh(u64),
    Stale {
        price: u64,
        age: Duration,
        why: Error<Failure>,
    },
}

impl fmt::Display for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fresh(price) => write!(f, "{price}"),
            Self::Stale { price, age, why } => {
                let age = age.as_secs_f64();
                write!(f, "{price}, stale, {age:.1} s old ({why})")
            }
        }
    }
}

/// What a program uses in place of the service.
pub(crate) struct Prices {
    service: Service,
    breaker: Breaker,
    last_good: Mutex<Option<(u64, Instant)>>,
}

impl Prices {
    pub(crate) fn new(service: Service, breaker: Breaker) -> Self {
        Self {
            service,
            breaker,
            last_good: Mutex::new(None),
        }
    }

    /// The price, or the last one that was known.
    pub(crate) async fn quote(&self) -> Result<Quote, Error<Failure>> {
        let answer = guarded(&self.breaker, &self.service).await;
        self.or_last_good(answer)
    }

    pub(crate) fn or_last_good(
        &self,
        answer: Result<u64, Error<Failure>>,
    ) -> Result<Quote, Error<Failure>> {
        // Locked after the await, not across it.
        let mut last_good = (self.last_good.lock()).unwrap_or_else(PoisonError::into_inner);
        match (answer, *last_good) {
            (Ok(price), _) => {
                *last_good = Some((price, Instant::now()));
                Ok(Quote::Fresh(price))
            }
            // An old price would hide from the caller that the question was wrong.
            (Err(error @ Error::Failed(Failure::BadRequest)), _) => Err(error),
            (Err(why), Some((price, at))) => {
                let age = at.elapsed();
                Ok(Quote::Stale { price, age, why })
            }
            (Err(why), None) => Err(why),
        }
    }
}

/// The program starts while the service is down: there is no price from before.
pub(crate) async fn nothing() {
    let clock = Clock::start();
    let prices = Prices::new(Service::down(clock, 0.0..5.0), logged(clock));
    let quotes = join_all((0..4).map(|_| prices.quote())).await;
    let failed = quotes.iter().filter(|quote| quote.is_err()).count();
    clock.say(format_args!("4 callers: {failed} have no price at all"));
    for second in [1.0, 6.0] {
        clock.until(second).await;
        match prices.quote().await {
            Ok(quote) => clock.say(quote),
            Err(error) => clock.say(format_args!("{error}, and no price from before")),
        }
    }
}
