//! Two load tests of one service. One of them waits with the service, and does not see it.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::load::percentile;

const MINUTE: Duration = Duration::from_mins(1);

/// Answers after 10 ms. But at the end of every ten seconds it stands still for one.
async fn answer(start: Instant) {
    let period = Duration::from_secs(10);
    let into = Duration::from_millis(
        u64::try_from(start.elapsed().as_millis() % period.as_millis()).unwrap_or_default(),
    );
    if into >= Duration::from_secs(9) {
        sleep(period - into).await;
    }
    sleep(Duration::from_millis(10)).await;
}

/// Asks, and as soon as there is an answer asks again.
pub(crate) async fn one_after_the_other() -> Vec<Duration> {
    let start = Instant::now();
    let mut waits = Vec::new();
    while start.elapsed() < MINUTE {
        let asked = Instant::now();
        answer(start).await;
        waits.push(asked.elapsed());
    }
    waits.sort_unstable();
    waits
}

/// Asks every tenth of a second, whether there was an answer or not: users do not wait for each
/// other.
pub(crate) async fn when_it_is_due() -> Vec<Duration> {
    let start = Instant::now();
    let mut requests = JoinSet::new();
    for tenth in 0..600 {
        let due = start + tenth * Duration::from_millis(100);
        sleep_until(due).await;
        requests.spawn(async move {
            answer(start).await;
            due.elapsed()
        });
    }
    let mut waits = requests.join_all().await;
    waits.sort_unstable();
    waits
}

/// A minute of each.
pub(crate) async fn measure() {
    println!("                     requests    mean    half    95 %    99 %  longest");
    row("one after the other", &one_after_the_other().await);
    row("when it is due", &when_it_is_due().await);
}

fn row(name: &str, waits: &[Duration]) {
    let total: Duration = waits.iter().sum();
    let mean = total.as_millis() / waits.len().max(1) as u128;
    let at = |percent| percentile(waits, percent).unwrap_or_default().as_millis();
    println!(
        "{name:20}{:9}{mean:5} ms{:5} ms{:5} ms{:5} ms{:6} ms",
        waits.len(),
        at(50),
        at(95),
        at(99),
        at(100),
    );
}
