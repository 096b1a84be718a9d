//! Overload: what a service does when more is asked of it than it can do.
//!
//! You will see one service with six ways to treat its queue, at half of its capacity, near it and
//! beyond it; an outage that lasts more than twice as long as its cause; how many connections a pool
//! needs; and a load test that does not see what its users see.
//!
//! ```console
//! $ cargo run -p overload -- --instant
//! $ cargo run -p overload -- --instant loads --load 150
//! ```
//!
//! It watches a service for half a minute, many times over. Without `--instant`, all parts together
//! take 22 minutes.
//!
//! In Python: `asyncio.Queue`, `put_nowait`, `asyncio.timeout`, `Semaphore`.

mod load;
mod measure;
mod pool;
mod queue;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use common::{Stage, Trace as _};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{Mutex, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// What the service can do: `workers` requests at a time, each in `work`. Twenty a second.
const USUAL: Times = Times {
    workers: 2,
    work: Duration::from_millis(100),
    // Odd, where all else is even: no answer comes in the very instant in which its caller gives up.
    patience: Duration::from_millis(1001),
};

#[derive(Clone, Copy, Debug)]
struct Times {
    workers: usize,
    work: Duration,
    /// How long a caller waits for an answer.
    patience: Duration,
}

/// As good as `unbounded_channel()`, and of the same type as the others.
const NO_BOUND: usize = Semaphore::MAX_PERMITS;

/// How a service treats its queue.
#[derive(Clone, Copy, Debug)]
struct Policy {
    name: &'static str,
    /// In the queue.
    places: usize,
    when_full: WhenFull,
    worker: Worker,
}

#[derive(Clone, Copy, Debug)]
enum WhenFull {
    Wait,
    Refuse,
}

/// Which requests a worker does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Worker {
    /// Each, to its end.
    All,
    /// Not those whose callers have gone before it begins.
    SkipsGone,
    /// And it stops when a caller goes while it works.
    StopsGone,
    /// Not those that it cannot do in time.
    SkipsLate,
}

/// A request in the queue.
struct Job {
    /// Nobody waits for the answer any longer than this.
    deadline: Instant,
    answer: oneshot::Sender<()>,
    number: u32,
}

/// Why there is no answer. With HTTP both are a 503.
#[derive(Debug, PartialEq)]
enum Refused {
    /// There was no place in the queue.
    Full,
    /// It could not be done in time.
    Late,
}

/// Where callers hand their requests in. When the last clone is dropped, the workers end.
#[derive(Clone)]
struct Service {
    queue: Sender<Job>,
    policy: Policy,
    times: Times,
}

impl Service {
    /// A service, and its workers: each returns how many requests it did for nobody.
    fn start(policy: Policy, times: Times) -> (Self, JoinSet<usize>) {
        let (queue, jobs) = mpsc::channel(policy.places);
        let jobs = Arc::new(Mutex::new(jobs));
        let workers = (0..times.workers).map(|_| worker(Arc::clone(&jobs), policy.worker, times));
        let service = Self {
            queue,
            policy,
            times,
        };
        (service, workers.collect())
    }

    /// Hands a request in, and waits for the answer.
    async fn ask(&self, number: u32) -> Result<(), Refused> {
        let (answer, answered) = oneshot::channel();
        let job = Job {
            deadline: Instant::now() + self.times.patience,
            answer,
            number,
        };
        match self.policy.when_full {
            // Waits in front of the queue, and leaves that line when this future is dropped.
            WhenFull::Wait => self.queue.send(job).await.map_err(|_| Refused::Full)?,
            WhenFull::Refuse => self.queue.try_send(job).map_err(|_| Refused::Full)?,
        }
        // A worker that skips a job drops it, and `answer` with it: that is heard here at once.
        answered.await.map_err(|_| Refused::Late)
    }
}

/// Does what is in the queue, until it ends. Returns for how many nobody waited any more.
async fn worker(jobs: Arc<Mutex<Receiver<Job>>>, which: Worker, times: Times) -> usize {
    let mut in_vain = 0;
    loop {
        let job = jobs.lock().await.recv().await;
        let Some(mut job) = job else {
            return in_vain;
        };
        let skips = match which {
            Worker::All => false,
            Worker::SkipsGone | Worker::StopsGone => job.answer.is_closed(),
            Worker::SkipsLate => Instant::now() + times.work > job.deadline,
        };
        if skips {
            continue;
        }
        let work = sleep(times.work).traced(format!("work({})", job.number));
        if which == Worker::StopsGone {
            tokio::select! {
                () = work => {}
                // The caller's half of the channel is gone.
                () = job.answer.closed() => {}
            }
        } else {
            work.await;
        }
        if job.answer.send(()).is_err() {
            in_vain += 1;
        }
    }
}

/// How a request ended, and how long its caller waited for that.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Answered,
    Refused,
    GaveUp,
}

/// Comes once, and does not come again: retries are chapter 13.
async fn caller(service: Service, number: u32) -> (End, Duration) {
    let start = Instant::now();
    let asked = service.ask(number).traced(format!("ask({number})"));
    let end = match timeout(service.times.patience, asked).await {
        Ok(Ok(())) => End::Answered,
        Ok(Err(_refused)) => End::Refused,
        Err(_elapsed) => End::GaveUp,
    };
    (end, start.elapsed())
}

/// The policies, with a queue of `places` for those that have a bound.
fn policies(places: usize) -> [Policy; 6] {
    let no_bound = Policy {
        name: "no bound",
        places: NO_BOUND,
        when_full: WhenFull::Wait,
        worker: Worker::All,
    };
    [
        no_bound,
        Policy {
            name: "bound",
            places,
            ..no_bound
        },
        Policy {
            name: "skip gone",
            worker: Worker::SkipsGone,
            ..no_bound
        },
        Policy {
            name: "stop gone",
            worker: Worker::StopsGone,
            ..no_bound
        },
        Policy {
            name: "skip late",
            worker: Worker::SkipsLate,
            ..no_bound
        },
        Policy {
            name: "refuse",
            places,
            when_full: WhenFull::Refuse,
            ..no_bound
        },
    ]
}

const PARTS: [&str; 5] = ["queue", "loads", "rush", "pool", "measure"];

// One thread, like asyncio's event loop.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage =
        Stage::new("Overload: what a service does when more is asked of it than it can do.")
            .arguments(
                "PART...",
                "queue, loads, rush, pool, measure (default: all)",
            )
            .option(
                "--load",
                "PERCENT",
                "part loads: only this load, in percent of what the service can do",
            )
            .option(
                "--places",
                "N",
                "parts loads and rush: places in a queue that has a bound (default 10)",
            )
            .begin()
            .await;
    let wanted = stage.positional();
    if let Some(part) = wanted.iter().find(|part| !PARTS.contains(&part.as_str())) {
        stage.usage_error(format_args!("there is no part {part:?}; see --help"));
    }
    let load: Option<u32> = stage.value("--load");
    if load.is_some_and(|load| !(5..=1000).contains(&load)) {
        stage.usage_error("--load takes 5 to 1000 percent");
    }
    let places: usize = stage.value("--places").unwrap_or(10);
    if !(1..=100_000).contains(&places) {
        stage.usage_error("--places takes 1 to 100000");
    }
    for part in PARTS {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == part) {
            continue;
        }
        println!("-- {part}");
        match part {
            "queue" => queue::queue(&stage).await,
            "loads" => load::loads(load, places).await,
            "rush" => load::rush(places).await,
            "pool" => pool::pool().await,
            _ => measure::measure().await,
        }
    }
    stage.finish()
}

#[cfg(test)]
mod tests;
