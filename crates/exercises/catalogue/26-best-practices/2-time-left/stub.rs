// The time that is left                                      fix, chapter 26-best-practices
//
// `page` asks three services, one after the other. Each call has a limit of two seconds, and tells
// its service how long that will wait. But the browser waits until `deadline`, and then all that is
// still being done is done for nobody. Mend it. `page` returns at the deadline at the latest. Each
// service is told the moment at which the browser gives up. A call takes `USUAL` as a rule, at times
// longer: if not even that much is left, it is not begun, and `page` says so at once. A page that
// can be done in time is done, also if one of the calls takes longer than the others.

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
    let _ = deadline;
    let mut parts = Vec::new();
    for name in ["user", "basket", "prices"] {
        let until = Instant::now() + Duration::from_secs(2);
        let part = timeout_at(until, call(name, until)).await;
        parts.push(part.map_err(|_| Late)?);
    }
    Ok(parts)
}
