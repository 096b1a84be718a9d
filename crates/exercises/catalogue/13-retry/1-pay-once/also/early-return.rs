// The last attempt stands behind the loop, and each failure that must not be tried again leaves it.

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
    for _ in 1..ATTEMPTS {
        match bank.charge(cents, key.as_deref()).await {
            Err(Failure::TimedOut) if key.is_none() => return Err(Failure::TimedOut),
            Err(Failure::Refused | Failure::TimedOut) => sleep(PAUSE).await,
            answer => return answer,
        }
    }
    bank.charge(cents, key.as_deref()).await
}
