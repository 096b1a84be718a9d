//! A condition: a stock that fills slowly, and three who want some of it.

use std::sync::{Arc, Mutex};

use common::Trace as _;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::{SECOND, lock, seconds_since};

/// A number behind a lock, and a bell that rings when it has grown.
#[derive(Default)]
struct Store {
    stock: Mutex<u32>,
    more: Notify,
}

impl Store {
    /// Takes `wanted` out of the stock, and waits until there are so many.
    async fn take(&self, wanted: u32) {
        loop {
            let more = self.more.notified(); // before looking: it hears `notify_waiters` from here on
            {
                let mut stock = lock(&self.stock);
                if *stock >= wanted {
                    *stock -= wanted;
                    return;
                }
            } // the lock must not be held across the await
            more.await;
        }
    }

    /// Puts one in.
    fn put(&self) {
        *lock(&self.stock) += 1;
        self.more.notify_waiters();
    }
}

/// The same with a `watch`, which is a value, its lock and its bell in one.
async fn take_watched(stock: &watch::Sender<u32>, wanted: u32) -> anyhow::Result<()> {
    let mut changes = stock.subscribe(); // before looking
    let take = |stock: &mut u32| {
        let enough = *stock >= wanted;
        if enough {
            *stock -= wanted;
        }
        enough
    };
    while !stock.send_if_modified(take) {
        changes.changed().await?;
    }
    Ok(())
}

/// Three who want 3, 1 and 2, in this order, and one more every half second.
async fn with_a_notify() -> anyhow::Result<()> {
    let start = Instant::now();
    let store = Arc::new(Store::default());
    let mut takers = JoinSet::new();
    for wanted in [3, 1, 2] {
        let store = Arc::clone(&store);
        let take = async move {
            store.take(wanted).await;
            println!("take({wanted}) after {:.1} s", seconds_since(start));
        };
        takers.spawn(take.traced(format_args!("take({wanted})")));
    }
    for _ in 1..=6 {
        sleep(SECOND / 2).await;
        store.put();
    }
    while let Some(taker) = takers.join_next().await {
        taker?;
    }
    Ok(())
}

async fn with_a_watch() -> anyhow::Result<()> {
    let start = Instant::now();
    let (stock, _) = watch::channel(0);
    let mut takers = JoinSet::new();
    for wanted in [3, 1, 2] {
        let stock = stock.clone();
        let take = async move {
            take_watched(&stock, wanted).await?;
            println!("watch: take({wanted}) after {:.1} s", seconds_since(start));
            anyhow::Ok(())
        };
        takers.spawn(take);
    }
    for _ in 1..=6 {
        sleep(SECOND / 2).await;
        stock.send_modify(|stock| *stock += 1);
    }
    while let Some(taker) = takers.join_next().await {
        taker??;
    }
    Ok(())
}

/// `asyncio.Condition` in two ways.
pub(crate) async fn condition() -> anyhow::Result<()> {
    with_a_notify().await?;
    with_a_watch().await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use tokio::time::timeout;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test(start_paused = true)]
    async fn a_notify_and_a_mutex_are_a_condition() {
        let store = Store::default();
        let start = Instant::now();
        let put = async {
            for _ in 1..=6 {
                sleep(SECOND).await;
                store.put();
            }
        };
        let take = async |wanted| {
            store.take(wanted).await;
            start.elapsed().as_secs()
        };
        let (three, one, two, ()) = tokio::join!(take(3), take(1), take(2), put);
        assert_eq!((three, one, two), (6, 1, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_is_a_condition() {
        let (stock, _) = watch::channel(0);
        let start = Instant::now();
        let put = async {
            for _ in 1..=6 {
                sleep(SECOND).await;
                stock.send_modify(|stock| *stock += 1);
            }
        };
        let take = async |wanted| {
            take_watched(&stock, wanted).await.unwrap();
            start.elapsed().as_secs()
        };
        let (three, one, two, ()) = tokio::join!(take(3), take(1), take(2), put);
        assert_eq!((three, one, two), (6, 1, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_what_is_there() {
        let store = Store::default();
        store.put();
        assert!(timeout(HOUR, store.take(1)).await.is_ok());
        assert!(timeout(HOUR, store.take(1)).await.is_err());
    }

    // On four threads, nothing is lost between looking and waiting: all that was put is taken.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_condition_loses_no_wake_up_among_threads() {
        let store = Arc::new(Store::default());
        let mut takers = JoinSet::new();
        for _ in 0..50 {
            let store = Arc::clone(&store);
            takers.spawn(async move {
                for _ in 0..20 {
                    store.take(1).await;
                }
            });
        }
        for _ in 0..1000 {
            store.put();
            tokio::task::yield_now().await;
        }
        let all = timeout(Duration::from_mins(1), takers.join_all()).await;
        assert!(all.is_ok(), "somebody waits for what is there");
        assert_eq!(*lock(&store.stock), 0);
    }
}
