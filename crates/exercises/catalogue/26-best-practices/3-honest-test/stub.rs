// An honest load test                                        fix, chapter 26-best-practices
//
// `test` finds out how long a service lets its users wait. It reports 10 ms for nearly all requests,
// and its users, of whom one comes after each `every`, complain of two seconds. Mend the test.
// Request `n` is due `n` times `every` after the start. It is sent then, whether the others have
// their answers or not, and it has waited from the moment when it was due, also if this program
// was held up and could not send it in time. The waits are in the order of the requests.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// `ask` sends a request, and is done when the answer is there.
pub async fn test(ask: impl AsyncFn(u32), requests: u32, every: Duration) -> Vec<Duration> {
    let mut waits = Vec::new();
    for number in 0..requests {
        let start = Instant::now();
        ask(number).await;
        waits.push(start.elapsed());
        sleep(every.saturating_sub(start.elapsed())).await;
    }
    waits
}
