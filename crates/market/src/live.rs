//! One market that many look at while it changes.
//!
//! A `tokio::sync::watch` channel has one value and no queue. Whoever comes late finds the latest
//! one, and it does not matter how many it has missed. Here the value is the whole market. The feed
//! changes it in place; each client reads it when it has room for an update.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::feed::Feed;
use crate::market::{Market, Options};
use crate::replay::Bad;
use crate::trade::Trade;

/// How clients are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The shortest time between two updates of one client.
    pub pause: Duration,
    /// How many streams there may be at one time.
    pub streams: usize,
    /// How long a client may take nothing. Longer, and its connection is closed.
    pub patience: Duration,
    /// How long streams may take to end once the server has been asked to stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pause: Duration::from_millis(100),
            streams: 1000,
            patience: Duration::from_mins(1),
            grace: Duration::from_secs(2),
        }
    }
}

/// The market, and whether more will come.
#[derive(Debug)]
pub struct Now {
    /// The market as it is now.
    pub market: Market,
    /// Whether the feed is over.
    pub has_ended: bool,
}

/// What the feed, the server and all streams share.
#[derive(Debug)]
pub struct Live {
    now: watch::Sender<Now>,
    pub(crate) limits: Limits,
    pub(crate) source: String,
    /// Of this run. A version of another run means nothing here.
    pub(crate) epoch: String,
    pub(crate) streams: Arc<Semaphore>,
    stop: CancellationToken,
    updates: AtomicU64,
    bytes: AtomicU64,
}

impl Live {
    /// An empty market. `source` says where its trades will come from.
    #[must_use]
    pub fn new(options: Options, limits: Limits, source: String) -> Arc<Self> {
        let now = Now {
            market: Market::new(options),
            has_ended: false,
        };
        Arc::new(Self {
            now: watch::Sender::new(now),
            limits,
            source,
            epoch: format!("{:08x}", fastrand::u32(..)),
            streams: Arc::new(Semaphore::new(limits.streams)),
            stop: CancellationToken::new(),
            updates: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        })
    }

    /// Plays what the feed brings, to its end. Returns the lines that were no trades.
    ///
    /// # Errors
    ///
    /// If the feed's file cannot be read any further. What was played is kept.
    pub async fn play(&self, mut feed: Feed) -> io::Result<Bad> {
        let mut portion = Vec::new();
        let result = loop {
            let next = feed.next(&mut portion).await;
            self.add(&portion);
            if let Err(error) = next {
                break Err(error);
            }
            if portion.is_empty() {
                break Ok(feed.source().bad().cloned().unwrap_or_default());
            }
        };
        self.finish();
        result
    }

    /// Adds trades.
    pub fn add(&self, trades: &[Trade]) {
        if trades.is_empty() {
            return;
        }
        // One lock and one wake-up for all of them. There is no `await` in here: nobody waits for
        // this lock longer than the trades take.
        self.now.send_modify(|now| {
            for trade in trades {
                now.market.add(trade, |_| {});
            }
        });
    }

    /// There will be no further trade.
    pub fn finish(&self) {
        self.now.send_modify(|now| {
            now.market.finish(|_| {});
            now.has_ended = true;
        });
    }

    /// The market now and from now on.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Now> {
        self.now.subscribe()
    }

    /// How many updates were made for all streams together, and how many bytes they have.
    #[must_use]
    pub fn made(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.updates), count(&self.bytes))
    }

    /// Ends all streams.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    pub(crate) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    pub(crate) fn count(&self, bytes: usize) {
        self.updates.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
