//! How much one client may send.

use std::time::Duration;

use tokio::time::Instant;

/// A bucket of tokens that fills up again: so many at once, so many a second for long.
#[derive(Debug)]
pub(crate) struct Bucket {
    size: f64,
    rate: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    pub(crate) fn new(size: u32, rate: f64) -> Self {
        Self {
            size: size.into(),
            rate,
            tokens: size.into(),
            at: Instant::now(),
        }
    }

    /// Takes a token.
    ///
    /// # Errors
    ///
    /// How long it takes until there is one.
    pub(crate) fn take(&mut self) -> Result<(), Duration> {
        let now = Instant::now();
        self.tokens += self.rate * (now - self.at).as_secs_f64();
        self.tokens = self.tokens.min(self.size);
        self.at = now;
        if self.tokens < 1.0 {
            let wait = (1.0 - self.tokens) / self.rate;
            // A rate of nearly nothing: longer than a Duration can say.
            return Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX));
        }
        self.tokens -= 1.0;
        Ok(())
    }
}

/// What one client may send: messages, and frames that are none.
#[derive(Debug)]
pub(crate) struct Allowance {
    messages: Bucket,
    /// Pings and pongs cost no one but us, and not much.
    others: Bucket,
    /// Messages that were refused, one after the other.
    refused: u32,
}

/// Who is refused so often, one after the other, is not in a hurry but floods.
const MOST_REFUSED: u32 = 100;

/// The client goes on although it is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flood;

impl Allowance {
    pub(crate) fn new(burst: u32, rate: f64) -> Self {
        Self {
            messages: Bucket::new(burst, rate),
            others: Bucket::new(100, 10.0),
            refused: 0,
        }
    }

    /// A message has come. `Ok(Err(…))`: too fast, for so long.
    pub(crate) fn message(&mut self) -> Result<Result<(), Duration>, Flood> {
        match self.messages.take() {
            Ok(()) => {
                self.refused = 0;
                Ok(Ok(()))
            }
            Err(wait) => {
                self.refused += 1;
                if self.refused > MOST_REFUSED {
                    Err(Flood)
                } else {
                    Ok(Err(wait))
                }
            }
        }
    }

    /// Another frame has come.
    pub(crate) fn other(&mut self) -> Result<(), Flood> {
        self.others.take().map_err(|_| Flood)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_fills_up_to_its_size_and_no_further() {
        let mut bucket = Bucket::new(3, 5.0);
        advance(Duration::from_secs(100)).await;
        for _ in 0..3 {
            assert_eq!(bucket.take(), Ok(()));
        }
        assert_eq!(bucket.take(), Err(Duration::from_millis(200)));
        advance(Duration::from_millis(400)).await;
        assert_eq!(bucket.take(), Ok(()));
        assert_eq!(bucket.take(), Ok(()));
        assert!(bucket.take().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_on_although_refused_floods() {
        let mut allowance = Allowance::new(20, 5.0);
        for _ in 0..20 {
            assert_eq!(allowance.message(), Ok(Ok(())));
        }
        for _ in 0..MOST_REFUSED {
            assert!(matches!(allowance.message(), Ok(Err(_))));
        }
        assert_eq!(allowance.message(), Err(Flood));
    }

    #[tokio::test(start_paused = true)]
    async fn who_slows_down_is_forgiven() {
        let mut allowance = Allowance::new(20, 5.0);
        for _ in 0..10 {
            for _ in 0..30 {
                assert!(allowance.message().is_ok());
            }
            advance(Duration::from_secs(4)).await;
        }
    }
}
