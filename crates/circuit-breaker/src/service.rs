//! A service that fails for a while, and a call to it.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};

/// How long a caller waits for an answer. The service takes 0.2 s.
pub(crate) const PATIENCE: Duration = Duration::from_millis(800);

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("timed out")]
    TimedOut,
    #[error("503")]
    Unavailable,
    #[error("400")]
    BadRequest,
}

impl Failure {
    /// Whether it speaks against the service. A bad request is the fault of who made it, and that
    /// the service says so shows that it works.
    pub(crate) fn speaks_against_the_service(&self) -> bool {
        match self {
            Self::TimedOut | Self::Unavailable => true,
            Self::BadRequest => false,
        }
    }
}

/// Answers with a price. While it is down it swallows its calls, as a host does that has lost its
/// network.
#[derive(Debug)]
pub(crate) struct Service {
    clock: Clock,
    down: Range<Duration>,
    reached: AtomicU32,
}

impl Service {
    /// One that is down from the one second to the other.
    pub(crate) fn down(clock: Clock, seconds: Range<f64>) -> Self {
        Self {
            clock,
            down: Duration::from_secs_f64(seconds.start)..Duration::from_secs_f64(seconds.end),
            reached: AtomicU32::new(0),
        }
    }

    pub(crate) async fn price(&self) -> Result<u64, Failure> {
        let now = self.clock.now();
        self.reached.fetch_add(1, Ordering::Relaxed);
        if self.down.contains(&now) {
            std::future::pending::<()>().await;
        }
        sleep(Duration::from_millis(200)).await;
        Ok(100 + (now + Duration::from_millis(500)).as_secs())
    }

    /// How many calls have come.
    pub(crate) fn reached(&self) -> u32 {
        self.reached.load(Ordering::Relaxed)
    }
}

/// One call, with its deadline.
pub(crate) async fn ask(service: &Service) -> Result<u64, Failure> {
    let answer = timeout(PATIENCE, service.price()).await;
    answer.unwrap_or(Err(Failure::TimedOut))
}

/// The seconds since a part of the lesson began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn at(&self, seconds: f64) -> Instant {
        self.start + Duration::from_secs_f64(seconds)
    }

    pub(crate) async fn until(&self, seconds: f64) {
        sleep_until(self.at(seconds)).await;
    }

    pub(crate) fn say(&self, what: impl fmt::Display) {
        println!("{:5.1} s  {what}", self.now().as_secs_f64());
    }
}
