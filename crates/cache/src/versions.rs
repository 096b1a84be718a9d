//! The same cache six times, from the first idea to the one that holds.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cache::{Cache, Error, Info, Policy};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio::sync::OnceCell;

use crate::upstream::Upstream;

/// A report. An error is shared by all who waited, and an `io::Error` cannot be cloned.
pub(crate) type Answer = Result<u32, Arc<io::Error>>;

/// A cache of reports.
pub(crate) trait Reports: Send + Sync + 'static {
    /// Its name in the table.
    const NAME: &str;

    fn new(upstream: Upstream) -> Self;

    /// The report for `city`.
    fn get(&self, city: &str) -> impl Future<Output = Answer> + Send;

    /// Forgets the report for `city`.
    fn invalidate(&self, city: &str) -> impl Future<Output = ()> + Send;
}

/// What everybody writes first.
pub(crate) struct Map {
    upstream: Upstream,
    reports: Mutex<HashMap<String, u32>>,
}

impl Reports for Map {
    const NAME: &str = "map";

    fn new(upstream: Upstream) -> Self {
        let reports = Mutex::default();
        Self { upstream, reports }
    }

    async fn get(&self, city: &str) -> Answer {
        let kept = lock(&self.reports).get(city).copied();
        if let Some(report) = kept {
            return Ok(report);
        }
        // Whoever comes during this await has found nothing either, and asks as well.
        let report = self.upstream.fetch(city).await?;
        lock(&self.reports).insert(city.to_owned(), report);
        Ok(report)
    }

    async fn invalidate(&self, city: &str) {
        lock(&self.reports).remove(city);
    }
}

/// A lock that is held while the report is fetched. A lock of the standard library would not do:
/// its guard must not live across an await.
pub(crate) struct OneLock {
    upstream: Upstream,
    reports: tokio::sync::Mutex<HashMap<String, u32>>,
}

impl Reports for OneLock {
    const NAME: &str = "one lock";

    fn new(upstream: Upstream) -> Self {
        let reports = tokio::sync::Mutex::default();
        Self { upstream, reports }
    }

    async fn get(&self, city: &str) -> Answer {
        let mut reports = self.reports.lock().await;
        if let Some(report) = reports.get(city) {
            return Ok(*report);
        }
        // Everybody waits for the lock meanwhile, also those who ask for another city.
        let report = self.upstream.fetch(city).await?;
        reports.insert(city.to_owned(), report);
        Ok(report)
    }

    async fn invalidate(&self, city: &str) {
        self.reports.lock().await.remove(city);
    }
}

/// A cell for each city. The first caller fills it, the others wait for that.
pub(crate) struct CellPerKey {
    upstream: Upstream,
    cells: Mutex<HashMap<String, Arc<OnceCell<u32>>>>,
}

impl Reports for CellPerKey {
    const NAME: &str = "cell per key";

    fn new(upstream: Upstream) -> Self {
        let cells = Mutex::default();
        Self { upstream, cells }
    }

    async fn get(&self, city: &str) -> Answer {
        let cell = Arc::clone(lock(&self.cells).entry(city.to_owned()).or_default());
        let report = cell.get_or_try_init(|| self.upstream.fetch(city)).await?;
        Ok(*report)
    }

    async fn invalidate(&self, city: &str) {
        lock(&self.cells).remove(city);
    }
}

/// A future for each city, that everybody polls.
pub(crate) struct SharedPerKey {
    upstream: Upstream,
    flights: Mutex<HashMap<String, Shared<BoxFuture<'static, Answer>>>>,
}

impl Reports for SharedPerKey {
    const NAME: &str = "shared per key";

    fn new(upstream: Upstream) -> Self {
        let flights = Mutex::default();
        Self { upstream, flights }
    }

    async fn get(&self, city: &str) -> Answer {
        let fetch = || {
            let fetch = self.upstream.fetch(city);
            fetch
                .map(|report| report.map_err(Arc::new))
                .boxed()
                .shared()
        };
        let flight = lock(&self.flights)
            .entry(city.to_owned())
            .or_insert_with(fetch)
            .clone();
        let answer = flight.clone().await;
        if answer.is_err() {
            // Unless somebody has removed it already, and somebody else has begun a new one.
            let mut flights = lock(&self.flights);
            if flights.get(city).is_some_and(|now| now.ptr_eq(&flight)) {
                flights.remove(city);
            }
        }
        answer
    }

    async fn invalidate(&self, city: &str) {
        lock(&self.flights).remove(city);
    }
}

/// A task for each fetch: the cache of this lesson's library.
pub(crate) struct TaskPerKey(Cache<String, u32, io::Error>);

impl TaskPerKey {
    pub(crate) fn with(policy: Policy, upstream: Upstream) -> Self {
        Self(Cache::new(policy, move |city: String| {
            upstream.fetch(&city)
        }))
    }

    pub(crate) fn info(&self) -> Info {
        self.0.info()
    }
}

impl Reports for TaskPerKey {
    const NAME: &str = "task per key";

    fn new(upstream: Upstream) -> Self {
        Self::with(Policy::new(1000, Duration::from_mins(1)), upstream)
    }

    async fn get(&self, city: &str) -> Answer {
        self.0.get(city).await.map_err(|error| match error {
            Error::Fetch(error) => error,
            lost @ Error::Lost => Arc::new(io::Error::other(lost)),
        })
    }

    async fn invalidate(&self, city: &str) {
        self.0.invalidate(city);
    }
}

/// The crate to use when this one is not needed.
pub(crate) struct Moka {
    upstream: Upstream,
    reports: moka::future::Cache<String, u32>,
}

impl Reports for Moka {
    const NAME: &str = "moka";

    fn new(upstream: Upstream) -> Self {
        let reports = moka::future::Cache::builder()
            .max_capacity(1000)
            .time_to_live(Duration::from_mins(1))
            .build();
        Self { upstream, reports }
    }

    async fn get(&self, city: &str) -> Answer {
        self.reports
            .try_get_with_by_ref(city, self.upstream.fetch(city))
            .await
    }

    async fn invalidate(&self, city: &str) {
        self.reports.invalidate(city).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
