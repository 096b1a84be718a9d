//! A thread that notices when a runtime is silent.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// Reports when nobody on this runtime has had a turn for a while, and in whose poll that is.
///
/// For a runtime with one thread: with several, others go on while one is blocked, and the
/// watchdog's own task may be among them.
///
/// Dropped, it ends; its thread and its task a moment later.
#[derive(Debug)]
pub struct Watchdog {
    shared: Arc<Shared>,
}

/// A runtime on which nothing moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// How long, when it was noticed.
    pub lasted: Duration,
    /// Which of the watched futures was being polled. `None`: one that is not watched.
    pub culprit: Option<&'static str>,
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let culprit = self.culprit.unwrap_or("something that is not watched");
        let lasted = self.lasted.as_millis();
        write!(
            f,
            "nobody had a turn for {lasted} ms: {culprit} has the thread"
        )
    }
}

#[derive(Debug, Default)]
struct Shared {
    beats: AtomicU64,
    /// The watched futures that are being polled, one inside the other.
    polled: Mutex<Vec<&'static str>>,
}

impl Shared {
    fn polled(&self) -> MutexGuard<'_, Vec<&'static str>> {
        self.polled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watchdog {
    /// Starts a thread that calls `report` once for each silence of more than `limit`.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    ///
    /// # Panics
    ///
    /// Outside a runtime, or in one whose timers are not enabled.
    pub fn start(
        limit: Duration,
        report: impl FnMut(Silence) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let watched = Arc::downgrade(&shared);
        thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(move || watch(&watched, limit, report))?;
        let heart = Arc::downgrade(&shared);
        tokio::spawn(async move {
            while let Some(shared) = heart.upgrade() {
                shared.beats.fetch_add(1, Ordering::Relaxed);
                drop(shared);
                tokio::time::sleep(limit / 4).await;
            }
        });
        Ok(Self { shared })
    }

    /// Runs `future`, and knows while it is being polled.
    ///
    /// # Cancel safety
    ///
    /// That of the future.
    pub async fn watched<F: Future>(&self, name: &'static str, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            self.shared.polled().push(name);
            // Also when the poll panics.
            let _polled = Polled(&self.shared);
            future.as_mut().poll(cx)
        })
        .await
    }
}

struct Polled<'a>(&'a Shared);

impl Drop for Polled<'_> {
    fn drop(&mut self) {
        self.0.polled().pop();
    }
}

/// Runs on a thread of its own: whoever shares the thread that is blocked can report nothing.
fn watch(shared: &Weak<Shared>, limit: Duration, mut report: impl FnMut(Silence)) {
    let (mut beats, mut since, mut reported) = (0, Instant::now(), false);
    while let Some(shared) = shared.upgrade() {
        let now = shared.beats.load(Ordering::Relaxed);
        let lasted = since.elapsed();
        if now != beats {
            (beats, since, reported) = (now, Instant::now(), false);
        } else if lasted > limit && !reported {
            let culprit = shared.polled().last().copied();
            report(Silence { lasted, culprit });
            reported = true;
        }
        drop(shared);
        thread::park_timeout(limit / 4);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(20);
    /// For what must happen: a test that waits longer has failed.
    const LONG: Duration = Duration::from_mins(1);

    /// Blocks the thread until the watchdog has reported.
    fn block(reports: &mpsc::Receiver<Silence>) -> Silence {
        let report = reports.recv_timeout(LONG).expect("no report");
        assert!(report.lasted > LIMIT);
        report
    }

    fn start() -> (Watchdog, mpsc::Receiver<Silence>) {
        let (sender, reports) = mpsc::channel();
        let dog = Watchdog::start(LIMIT, move |silence| {
            let _ = sender.send(silence);
        });
        (dog.unwrap(), reports)
    }

    /// The watchdog may report a machine that is slow. Then nobody is being polled.
    async fn drained(reports: &mpsc::Receiver<Silence>) {
        tokio::time::sleep(LIMIT).await;
        while reports.try_recv().is_ok() {}
    }

    #[tokio::test]
    async fn it_names_who_blocks() {
        let (dog, reports) = start();
        drained(&reports).await;
        let culprit = dog.watched("outer", async {
            tokio::task::yield_now().await;
            dog.watched("inner", async { block(&reports).culprit })
                .await
        });
        assert_eq!(culprit.await, Some("inner"));
    }

    #[tokio::test]
    async fn it_names_nobody_when_who_blocks_is_not_watched() {
        let (dog, reports) = start();
        dog.watched("polite", async {}).await;
        drained(&reports).await;
        assert_eq!(block(&reports).culprit, None);
    }

    #[tokio::test]
    async fn it_forgets_a_poll_that_panicked() {
        let (dog, reports) = start();
        let dog = Arc::new(dog);
        let own = Arc::clone(&dog);
        let task = tokio::spawn(async move { own.watched("rude", async { panic!("bug") }).await });
        assert!(task.await.is_err());
        drained(&reports).await;
        assert_eq!(block(&reports).culprit, None);
    }

    #[tokio::test]
    async fn it_reports_a_silence_once_and_the_next_one_anew() {
        let (_dog, reports) = start();
        drained(&reports).await;
        block(&reports);
        assert_eq!(
            reports.recv_timeout(2 * LIMIT).ok(),
            None,
            "the same silence"
        );
        drained(&reports).await;
        block(&reports);
    }

    #[tokio::test]
    async fn it_ends_with_its_handle() {
        let (dog, reports) = start();
        drop(dog);
        // Its thread had the only sender.
        while reports.recv_timeout(LONG).is_ok() {}
        assert_eq!(reports.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }
}
