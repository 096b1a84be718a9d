// Charged once                                               fix, chapter 13-retry
//
// `pay` tries again whatever happened: customers were charged twice, and a card that was declined
// was asked for four times. Mend it. A payment is charged once at the most, at banks that know
// keys and at those that do not. `pay` calls the bank again, after PAUSE and up to ATTEMPTS calls
// in all, only if that may help and can do no harm. Otherwise it returns the last failure at once.

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
    let mut attempt = 1;
    loop {
        let key = bank.new_key();
        let result = bank.charge(cents, key.as_deref()).await;
        if result.is_ok() || attempt == ATTEMPTS {
            return result;
        }
        attempt += 1;
        sleep(PAUSE).await;
    }
}
