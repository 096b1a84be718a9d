//! What retries do to the one who is asked, when many ask.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use common::{Stage, Trace as _};
use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use hyper::StatusCode;
use retry::{Budget, Cause, Failure, Policy, Repeat, full_jitter};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::service::{Service, Step};

const CLIENTS: u64 = 8;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Jitter {
    None,
    Backon,
    Full,
}

impl fmt::Display for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "no jitter",
            Self::Backon => "backon's jitter",
            Self::Full => "full jitter",
        })
    }
}

/// The service is away for two seconds.
fn call(start: Instant, arrivals: &RefCell<Vec<Duration>>) -> Ready<Result<(), Failure>> {
    arrivals.borrow_mut().push(start.elapsed());
    ready(if start.elapsed() < Duration::from_secs(2) {
        Err(Failure::new(Cause::Refused))
    } else {
        Ok(())
    })
}

/// Clients that have lost the service at the same moment. When each call arrives, and how many of
/// the clients are served in the end.
pub(crate) async fn crowd(jitter: Jitter) -> (Vec<Duration>, usize) {
    let (start, arrivals) = (Instant::now(), RefCell::new(Vec::new()));
    let client = async |seed| {
        let call = || call(start, &arrivals);
        let backoff = ExponentialBuilder::default();
        match jitter {
            Jitter::None => call.retry(backoff).await,
            Jitter::Backon => {
                let backoff = backoff.with_jitter().with_jitter_seed(seed);
                call.retry(backoff).await
            }
            Jitter::Full => {
                let rng = fastrand::Rng::with_seed(seed);
                call.retry(full_jitter(backoff, rng)).await
            }
        }
    };
    let clients = (1..=CLIENTS).map(|n| client(n).traced(format_args!("client({n})")));
    // Not `join_all`, which polls all of a few futures when one of them is woken: in the picture
    // a poll shall be a call.
    let clients: FuturesUnordered<_> = clients.collect();
    let results: Vec<_> = clients.collect().await;
    let served = results.iter().filter(|result| result.is_ok()).count();
    (arrivals.into_inner(), served)
}

/// Calls that arrive in each quarter of a second; one `#` for each.
pub(crate) async fn herd(stage: &Stage) {
    let kinds = [Jitter::None, Jitter::Backon, Jitter::Full];
    let mut crowds = Vec::new();
    for jitter in kinds {
        stage.scene(&jitter.to_string());
        crowds.push(crowd(jitter).await);
    }
    row("second", kinds.map(|jitter| jitter.to_string()));
    for quarter in 0..24 {
        let bars = crowds.iter().map(|(arrivals, _)| {
            let arrived = arrivals.iter().filter(|at| at.as_millis() / 250 == quarter);
            "#".repeat(arrived.count())
        });
        row(
            format_args!("{}.{:02}", quarter / 4, quarter % 4 * 25),
            bars,
        );
    }
    row(
        "calls",
        crowds
            .iter()
            .map(|(arrivals, _)| arrivals.len().to_string()),
    );
    row(
        "served",
        crowds.iter().map(|(_, served)| served.to_string()),
    );
}

fn row(first: impl fmt::Display, cells: impl IntoIterator<Item = String>) {
    let first = first.to_string();
    let cells = cells.into_iter().map(|cell| format!("  {cell:16}"));
    let line = format!("{first:>6}{}", cells.collect::<String>());
    println!("{}", line.trim_end());
}

/// How long the storm is watched.
const SECONDS: u32 = 20;

/// A service that does one thing after the other, each in 50 ms: twenty calls a second. From the
/// third second to the sixth it stands still.
#[derive(Debug)]
pub(crate) struct Worker {
    start: Instant,
    /// When it will have done all that it has accepted.
    free_at: Cell<Instant>,
    pub(crate) calls: RefCell<Vec<u32>>,
    pub(crate) answers: RefCell<Vec<u32>>,
}

impl Worker {
    fn new() -> Self {
        let start = Instant::now();
        let none = RefCell::new(vec![0; SECONDS as usize]);
        Self {
            start,
            free_at: Cell::new(start),
            calls: none.clone(),
            answers: none,
        }
    }

    async fn call(&self) -> Result<(), Failure> {
        self.count(&self.calls);
        let mut begin = self.free_at.get().max(Instant::now());
        if (3..6).contains(&(begin - self.start).as_secs()) {
            begin = self.start + Duration::from_secs(6);
        }
        let done = begin + Duration::from_millis(50);
        // The work is accepted. If this future is dropped, the answer is lost and the work is not:
        // a queue, a database or a thread does not hear that the caller has gone.
        self.free_at.set(done);
        sleep_until(done).await;
        self.count(&self.answers);
        Ok(())
    }

    fn count(&self, seconds: &RefCell<Vec<u32>>) {
        let second = self.start.elapsed().as_secs();
        let second = usize::try_from(second).unwrap_or(usize::MAX);
        if let Some(count) = seconds.borrow_mut().get_mut(second) {
            *count += 1;
        }
    }
}

/// Ten requests a second, each with a policy like `policy`.
pub(crate) async fn load(policy: &Policy) -> Worker {
    let worker = Worker::new();
    let request = async |number: u32| {
        // Not at round times: no answer may come in the instant in which its caller gives up.
        sleep(number * Duration::from_millis(100) + Duration::from_millis(17)).await;
        let backoff = policy.backoff.with_jitter_seed(number.into());
        let policy = Policy {
            backoff,
            ..policy.clone()
        };
        policy.run(Repeat::Harmless, |_| worker.call()).await
    };
    let requests = join_all((0..10 * SECONDS).map(request));
    let watched = timeout(Duration::from_secs(SECONDS.into()), requests).await;
    drop(watched); // in time or not: what has arrived is counted
    worker
}

/// One attempt, four attempts, and four attempts within a budget.
pub(crate) fn policies() -> [Policy; 3] {
    let once = Policy {
        backoff: ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(250))
            .with_jitter()
            .with_max_times(0),
        attempt: Duration::from_secs(1),
        ..Policy::default()
    };
    let four = Policy {
        backoff: once.backoff.with_max_times(3),
        ..once.clone()
    };
    let within_budget = Policy {
        budget: Some(Arc::new(Budget::new(10, 10))),
        ..four.clone()
    };
    [once, four, within_budget]
}

/// Calls and answers in each second; one `#` for three calls.
pub(crate) async fn storm() {
    let mut workers = Vec::new();
    for policy in policies() {
        workers.push(load(&policy).await);
    }
    println!("second  one attempt              four attempts            and a budget");
    println!("         calls          answers   calls          answers   calls          answers");
    for second in 0..SECONDS as usize {
        let cells = workers.iter().map(|worker| {
            let calls = worker.calls.borrow()[second];
            let answers = worker.answers.borrow()[second];
            let bar = "#".repeat(calls.div_ceil(3) as usize);
            format!("  {calls:3} {bar:15} {answers:3}")
        });
        println!("{second:6}{}", cells.collect::<String>());
    }
}

/// A service behind `depth` others, each of which tries three times.
fn through(
    depth: u32,
    service: &Service,
) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + '_>> {
    Box::pin(async move {
        if depth == 0 {
            return service.call().await.map(drop);
        }
        let policy = Policy {
            backoff: ExponentialBuilder::default()
                .with_min_delay(Duration::from_millis(100))
                .with_max_times(2),
            ..Policy::default()
        };
        let result = policy
            .run(Repeat::Harmless, |_| through(depth - 1, service))
            .await;
        // What a gateway says when the one behind it does not answer.
        let unavailable = Cause::Answered(StatusCode::SERVICE_UNAVAILABLE);
        result.map_err(|gave_up| Failure::new(unavailable).caused_by(gave_up))
    })
}

/// How many calls one request becomes.
pub(crate) async fn layers() {
    for depth in 1..=3 {
        let service = Service::new([Step::Refuse]);
        let start = Instant::now();
        let result = through(depth, &service).await;
        let (calls, took) = (service.calls.get(), start.elapsed().as_secs_f64());
        let end = result.map_or("failed", |()| "ok");
        println!("{depth} deep: 1 request, {calls} calls, {end} after {took:.1} s");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most calls in a tenth of a second, after the first moment.
    fn peak(arrivals: &[Duration]) -> usize {
        let tenth = |at: &Duration| at.as_millis() / 100;
        let later = || {
            arrivals
                .iter()
                .filter(|at| **at > Duration::ZERO)
                .map(tenth)
        };
        later()
            .map(|it| later().filter(|other| *other == it).count())
            .max()
            .unwrap_or_default()
    }

    #[tokio::test(start_paused = true)]
    async fn without_jitter_all_come_at_once() {
        let (arrivals, served) = crowd(Jitter::None).await;
        assert_eq!((arrivals.len(), served, peak(&arrivals)), (24, 8, 8));
        let (arrivals, served) = crowd(Jitter::Backon).await;
        assert_eq!((arrivals.len(), served), (24, 8));
        assert!(peak(&arrivals) <= 3, "{arrivals:?}");
        // It waits half as long, and so gives up before the service is back.
        let (arrivals, served) = crowd(Jitter::Full).await;
        assert_eq!((arrivals.len(), served), (30, 7));
        assert!(peak(&arrivals) <= 4, "{arrivals:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn retries_without_a_budget_keep_the_service_down() {
        let [once, four, within_budget] = policies();
        let last_second = async |policy| {
            let worker = load(policy).await;
            let last = SECONDS as usize - 1;
            (worker.calls.borrow()[last], worker.answers.borrow()[last])
        };
        assert_eq!(last_second(&once).await, (10, 10));
        assert_eq!(last_second(&within_budget).await, (10, 10));
        let (calls, answers) = last_second(&four).await;
        assert!((37..=43).contains(&calls), "{calls}");
        assert_eq!(answers, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn layers_multiply() {
        for (depth, calls) in [(1, 3), (2, 9), (3, 27)] {
            let service = Service::new([Step::Refuse]);
            assert!(through(depth, &service).await.is_err());
            assert_eq!(service.calls.get(), calls);
        }
    }
}
