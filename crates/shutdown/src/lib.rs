//! A worker that can be stopped at any moment and loses no job.
//!
//! [`run`] is the whole pattern: it accepts jobs until it is asked to stop, gives those that are
//! under way some time to finish, and cancels the rest. Each job makes sure by itself that it is
//! filed: as done, or as handed back.

use std::collections::VecDeque;
use std::fmt::{self, Display};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::Trace as _;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How the worker works.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A job arrives every so often. A quick one takes 2.4 times as long, a slow one ten times.
    pub pace: Duration,
    /// How many jobs are under way at one time.
    pub at_once: usize,
    /// How many jobs may wait in the queue. When it is full, whoever brings one has to wait.
    pub queue: usize,
    /// How long jobs that are under way may go on after the worker was asked to stop.
    pub grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pace: Duration::from_millis(500),
            at_once: 2,
            queue: 2,
            grace: Duration::from_secs(3),
        }
    }
}

/// What became of each job, by number. Each is in one list, once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Done, in the order in which they were done.
    pub done: Vec<u32>,
    /// Accepted and not done: somebody has to do them again, from the beginning.
    pub handed_back: Vec<u32>,
    /// Never accepted: whoever wanted to bring them still has them.
    pub not_taken: Vec<u32>,
}

/// Where jobs are filed, and a clock for what is said meanwhile.
#[derive(Debug)]
struct Desk {
    start: Instant,
    report: Mutex<Report>,
}

impl Desk {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            report: Mutex::default(),
        }
    }

    fn say(&self, what: impl Display) {
        println!("{:4.1} s  {what}", self.start.elapsed().as_secs_f64());
    }

    /// Locked for one push: a lock of std will do, and `Drop` could not await another.
    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job that was accepted.
///
/// It can be moved and not copied, so it is in one place: in the queue, or in the task that works
/// on it. Whoever drops it without calling [`Job::done`] hands it back: the queue that is closed,
/// the task that is cancelled, aborted, or panics.
#[derive(Debug)]
struct Job {
    number: u32,
    desk: Arc<Desk>,
    is_done: bool,
}

impl Job {
    fn accept(number: u32, desk: &Arc<Desk>) -> Self {
        let job = Self {
            number,
            desk: Arc::clone(desk),
            is_done: false,
        };
        job.desk.say(format_args!("{job}: accepted"));
        job
    }

    fn done(mut self) {
        self.is_done = true;
    }
}

impl Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {}", self.number)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let what = if self.is_done { "done" } else { "handed back" };
        self.desk.say(format_args!("{self}: {what}"));
        let mut report = self.desk.report();
        if self.is_done {
            report.done.push(self.number);
        } else {
            report.handed_back.push(self.number);
        }
    }
}

/// The world outside: brings a job now and then, as long as somebody takes them. Returns those that
/// nobody took.
async fn bring(
    mut jobs: VecDeque<u32>,
    worker: mpsc::Sender<Job>,
    pace: Duration,
    desk: Arc<Desk>,
) -> Vec<u32> {
    while let Some(&number) = jobs.front() {
        tokio::select! {
            () = worker.closed() => break,
            () = sleep(pace) => {}
        }
        // A place first: as long as it waits, there is no job that could be lost.
        let Ok(permit) = worker.reserve().await else {
            break;
        };
        permit.send(Job::accept(number, &desk));
        jobs.pop_front();
    }
    jobs.into()
}

/// Does a job. May be dropped while it waits: then the job goes back.
async fn work(job: Job, pace: Duration) {
    job.desk.say(format_args!("{job}: begins"));
    let is_slow = job.number.is_multiple_of(3);
    sleep(if is_slow { pace * 10 } else { pace * 12 / 5 }).await;
    job.done();
}

/// Does `jobs` until all are done, or until `shutdown` completes. Then it takes no more, lets those
/// under way go on for `options.grace`, and hands back what is not done by then.
///
/// In this order, so that nothing can slip in behind: first nobody can bring a job any more, then
/// the queue is emptied, then the tasks end.
///
/// Dropped, it takes no more jobs, and hands back those that wait. Those under way go on: they are
/// tasks of the runtime.
pub async fn run(
    jobs: impl IntoIterator<Item = u32>,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> Report {
    let desk = Arc::new(Desk::new());
    let (sender, mut queue) = mpsc::channel(options.queue);
    let jobs = jobs.into_iter().collect();
    let outside = tokio::spawn(bring(jobs, sender, options.pace, Arc::clone(&desk)));

    let slots = Arc::new(Semaphore::new(options.at_once));
    let tasks = TaskTracker::new();
    let give_up = CancellationToken::new();
    let all_done = async {
        loop {
            // A slot first, then a job: when this is dropped, it holds no job at either await.
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
                break;
            };
            let Some(job) = queue.recv().await else {
                break; // nobody will bring one any more
            };
            let name = format!("work({})", job.number);
            let give_up = give_up.clone();
            let work = work(job, options.pace).traced(name);
            tasks.spawn(async move {
                give_up.run_until_cancelled(work).await;
                drop(slot);
            });
        }
        tasks.close();
        tasks.wait().await;
    };
    let asked_to_stop = tokio::select! {
        () = all_done => false,
        () = shutdown => true,
    };

    if asked_to_stop {
        let grace = options.grace.as_secs_f64();
        desk.say(format_args!(
            "stopping: up to {grace} s for what is under way"
        ));
        drop(queue); // and with it the jobs that wait there
        tasks.close();
        if timeout(options.grace, tasks.wait()).await.is_err() {
            desk.say("the time is over");
            give_up.cancel();
            tasks.wait().await;
        }
    }
    // Before the report is read: it may have been given a place a moment ago, and use it now.
    let not_taken = outside.await.unwrap_or_default();
    let mut report = mem::take(&mut *desk.report());
    report.not_taken = not_taken;
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::timeline::{self, Event, What};
    use std::future::pending;

    const MILLISECOND: Duration = Duration::from_millis(1);

    // The clock is paused: it jumps to the next timer whenever every task waits, so these tests
    // take no time and their durations are exact.
    async fn interrupted_after(moment: Duration, options: Options) -> (Report, Duration) {
        let start = Instant::now();
        let report = run(1..=10, options, sleep(moment)).await;
        (report, start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_signal_all_is_done() {
        let start = Instant::now();
        let report = run(1..=10, Options::default(), pending()).await;
        assert_eq!(report.done, [1, 2, 4, 5, 3, 7, 8, 6, 10, 9]);
        assert!(report.handed_back.is_empty() && report.not_taken.is_empty());
        assert_eq!(start.elapsed(), 14_100 * MILLISECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_under_way_may_finish_in_time() {
        let (report, took) = interrupted_after(5_300 * MILLISECOND, Options::default()).await;
        let expected = Report {
            done: vec![1, 2, 4, 5, 3],
            handed_back: vec![7, 8, 6],
            not_taken: vec![9, 10],
        };
        assert_eq!(report, expected);
        assert_eq!(took, 8_300 * MILLISECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_the_jobs_take() {
        let patient = Options {
            grace: Duration::from_hours(1),
            ..Options::default()
        };
        let (report, took) = interrupted_after(5_300 * MILLISECOND, patient).await;
        assert_eq!(report.handed_back, [7, 8], "only those that had not begun");
        assert_eq!(took, 9_600 * MILLISECOND, "the end of job 6");
    }

    /// Whenever it is interrupted: each job is in one list, once, and the end is in time.
    #[tokio::test(start_paused = true)]
    async fn no_job_is_lost_or_done_twice() {
        for grace in [0, 700, 3_000, 60_000].map(Duration::from_millis) {
            let options = Options {
                grace,
                ..Options::default()
            };
            for moment in (0..160).map(|tenths| tenths * 100 * MILLISECOND) {
                let (report, took) = interrupted_after(moment, options).await;
                let mut filed = report.done.clone();
                filed.extend(&report.handed_back);
                filed.extend(&report.not_taken);
                filed.sort_unstable();
                let all: Vec<u32> = (1..=10).collect();
                assert_eq!(filed, all, "{moment:?}, {grace:?}: {report:?}");
                assert!(took <= moment + grace, "{moment:?}, {grace:?}: {took:?}");
            }
        }
    }

    /// What was handed back, given to a second run, is everything that the first one left.
    #[tokio::test(start_paused = true)]
    async fn a_second_run_does_the_rest() {
        for moment in (0..15).map(|seconds| seconds * 1_000 * MILLISECOND) {
            let (first, _) = interrupted_after(moment, Options::default()).await;
            let left = first.handed_back.into_iter().chain(first.not_taken);
            let second = run(left, Options::default(), pending()).await;
            let mut done = [first.done, second.done].concat();
            done.sort_unstable();
            let all: Vec<u32> = (1..=10).collect();
            assert_eq!(done, all, "{moment:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn dropped_it_leaves_what_is_under_way_to_the_runtime() {
        let ((), recording) = timeline::record(async {
            let run = run(1..=10, Options::default(), pending());
            assert!(timeout(2_100 * MILLISECOND, run).await.is_err());
            sleep(Duration::from_mins(1)).await;
        })
        .await;
        assert_eq!(recording.tasks, ["work(1)", "work(2)", "work(3)"]);
        let ready = |event: &&Event| matches!(event.what, What::Ready { .. });
        assert_eq!(recording.events.iter().filter(ready).count(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_comes_back_from_wherever_it_is_dropped() {
        let desk = Arc::new(Desk::new());
        let hand = |number| Job::accept(number, &desk);

        let aborted = tokio::spawn(work(hand(1), MILLISECOND));
        aborted.abort(); // before it has begun
        assert!(aborted.await.is_err());

        let panicked = tokio::spawn({
            let job = hand(2);
            async move {
                let _job = job;
                panic!("it is what this test is about");
            }
        });
        assert!(panicked.await.is_err());

        let (sender, queue) = mpsc::channel(2);
        assert!(sender.send(hand(3)).await.is_ok());
        drop(queue);
        assert!(sender.send(hand(4)).await.is_err());

        work(hand(5), MILLISECOND).await;
        let report = desk.report().clone();
        assert_eq!(report.handed_back, [1, 2, 3, 4]);
        assert_eq!(report.done, [5]);
    }
}
