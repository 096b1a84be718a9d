// misconception: every-failure-may-pass

use std::time::Duration;

use tokio::time::sleep;

pub const ATTEMPTS: u32 = 4;
pub const PAUSE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody listens there. Nothing was sent.
    Refused,
    /// The request was sent, and no answer came in time.
    TimedOut,
    /// The bank says no.
    Declined,
}

pub trait Bank {
    /// An idempotency key that nobody has used yet; `None` at a bank that knows no keys.
    fn new_key(&self) -> Option<String>;

    /// Charges `cents`. For a key that the bank has charged for already it does nothing more, and
    /// answers as it did then.
    async fn charge(&self, cents: u32, key: Option<&str>) -> Result<(), Failure>;
}

pub async fn pay(bank: &impl Bank, cents: u32) -> Result<(), Failure> {
    let key = bank.new_key();
    let mut attempt = 1;
    loop {
        let result = bank.charge(cents, key.as_deref()).await;
        // With a key nothing can be charged twice, and what was refused was never sent.
        let is_harmless = key.is_some() || result == Err(Failure::Refused);
        if result.is_ok() || !is_harmless || attempt == ATTEMPTS {
            return result;
        }
        attempt += 1;
        sleep(PAUSE).await;
    }
}
