//! How many connections does a pool need? Little's law, and what it does not say.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::load::{arrivals, percent, percentile, until};

/// What was seen of a pool.
pub(crate) struct Used {
    /// How long each request waited for a connection, the shortest wait first.
    pub(crate) waits: Vec<Duration>,
    /// How long all connections together were held.
    pub(crate) held: Duration,
    /// From the first request to the end of the last.
    pub(crate) passed: Duration,
}

/// Half a minute of requests, each of which has a connection for `time`.
pub(crate) async fn used(connections: u32, per_second: u32, time: Duration) -> Used {
    let pool = Arc::new(Semaphore::new(connections as usize));
    let start = Instant::now();
    let mut requests = JoinSet::new();
    for came in arrivals(&[(per_second, 30)]) {
        until(start + came).await;
        let pool = Arc::clone(&pool);
        requests.spawn(async move {
            let asked = Instant::now();
            let Ok(_connection) = pool.acquire().await else {
                return None; // nobody closes this semaphore
            };
            let begun = Instant::now();
            sleep(time).await;
            Some((begun - asked, begun.elapsed()))
        });
    }
    let requests = requests.join_all().await;
    let (mut waits, held): (Vec<_>, Vec<_>) = requests.into_iter().flatten().unzip();
    waits.sort_unstable();
    Used {
        waits,
        held: held.iter().sum(),
        passed: start.elapsed(),
    }
}

/// Pools of several sizes under the same load.
pub(crate) async fn pool() {
    for (per_second, millis) in [(18_u32, 100_u32), (18, 200)] {
        let average = per_second * millis;
        println!(
            "{per_second} requests a second, {:.1} s each: {}.{} connections on average",
            f64::from(millis) / 1000.0,
            average / 1000,
            average % 1000 / 100,
        );
        println!("connections  in use  busy  have to wait  95 % wait  99 % wait");
        let least = average.div_ceil(1000);
        for connections in least..least + 4 {
            row(
                connections,
                &used(
                    connections,
                    per_second,
                    Duration::from_millis(millis.into()),
                )
                .await,
            );
        }
    }
}

fn row(connections: u32, used: &Used) {
    let [held, passed] = [used.held, used.passed].map(|time| time.as_millis() as usize);
    let in_use = percent(held, passed); // in hundredths
    let waiting = used.waits.iter().filter(|wait| !wait.is_zero()).count();
    let tail = |percent| {
        let wait = percentile(&used.waits, percent).unwrap_or_default();
        format!("{:.2} s", wait.as_secs_f64())
    };
    println!(
        "{connections:11}{:5}.{:02}{:4} %{:12} %{:>11}{:>11}",
        in_use / 100,
        in_use % 100,
        percent(held, passed * connections as usize),
        percent(waiting, used.waits.len()),
        tail(95),
        tail(99),
    );
}
