// misconception: each-step-has-its-own-deadline

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// What a call takes, as a rule.
pub const USUAL: Duration = Duration::from_secs(1);

/// It cannot be done in time.
#[derive(Debug, PartialEq, Eq)]
pub struct Late;

/// `call` asks the service of this name, and says until when its answer is waited for.
pub async fn page(
    call: impl AsyncFn(&'static str, Instant) -> String,
    deadline: Instant,
) -> Result<Vec<String>, Late> {
    let mut parts = Vec::new();
    for name in ["user", "basket", "prices"] {
        if Instant::now() + USUAL > deadline {
            return Err(Late);
        }
        let until = Instant::now() + 2 * USUAL;
        let part = timeout_at(deadline, call(name, until)).await;
        parts.push(part.map_err(|_| Late)?);
    }
    Ok(parts)
}
