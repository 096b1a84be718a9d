//! Many consumers of one queue, and how to know that everything is done.

use std::array;
use std::fmt::{self, Display};
use std::sync::{Arc, PoisonError};

use common::{Stage, Trace as _};
use tokio::sync::mpsc::{self, Receiver};
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::priority::PriorityQueue;
use crate::{TENTH, seconds_since};

/// How many tenths of a second each job takes.
const JOBS: [u32; 9] = [3, 1, 1, 3, 1, 1, 3, 1, 1];
const WORKERS: usize = 3;

async fn work(tenths: u32) {
    let row = sleep(tenths * TENTH).traced(format_args!("work({tenths})"));
    row.await;
}

/// A channel with all the jobs in it, and no sender.
fn waiting_jobs() -> Receiver<u32> {
    let (tx, rx) = mpsc::channel(JOBS.len());
    for tenths in JOBS {
        let _ = tx.try_send(tenths); // there is room for all
    }
    rx
}

/// The mistake. What stands between `while let` and `{` lives until the closing brace: each worker
/// keeps the lock while it works.
async fn guard_kept(jobs: Arc<Mutex<Receiver<u32>>>) -> usize {
    let mut done = 0;
    while let Some(tenths) = jobs.lock().await.recv().await {
        work(tenths).await;
        done += 1;
    }
    done
}

/// The lock is held while a job is fetched, and no longer.
async fn guard_dropped(jobs: Arc<Mutex<Receiver<u32>>>) -> usize {
    let mut done = 0;
    loop {
        let job = jobs.lock().await.recv().await; // the guard is dropped at this semicolon
        let Some(tenths) = job else {
            return done;
        };
        work(tenths).await;
        done += 1;
    }
}

/// A channel of its own: no lock, but also no help from the others.
async fn alone(mut jobs: Receiver<u32>) -> usize {
    let mut done = 0;
    while let Some(tenths) = jobs.recv().await {
        work(tenths).await;
        done += 1;
    }
    done
}

/// A queue that is made for many consumers.
async fn shared(jobs: Arc<PriorityQueue<(), u32>>) -> usize {
    let mut done = 0;
    while let Some(tenths) = jobs.get().await {
        work(tenths).await;
        done += 1;
    }
    done
}

/// Three workers and nine jobs, in four ways.
pub(crate) async fn workers(stage: &Stage) {
    let jobs = Arc::new(Mutex::new(waiting_jobs()));
    race(
        "lock kept",
        (0..WORKERS).map(|_| guard_kept(Arc::clone(&jobs))),
    )
    .await;

    stage.scene("lock_dropped");
    let jobs = Arc::new(Mutex::new(waiting_jobs()));
    race(
        "lock dropped",
        (0..WORKERS).map(|_| guard_dropped(Arc::clone(&jobs))),
    )
    .await;

    stage.scene("a_channel_each");
    // Dealt like cards, one after the other. `JOBS` is such that one worker gets all the long ones.
    race(
        "a channel each",
        (0..WORKERS).map(|worker| {
            let (tx, rx) = mpsc::channel(JOBS.len());
            for tenths in JOBS.iter().skip(worker).step_by(WORKERS) {
                let _ = tx.try_send(*tenths);
            }
            alone(rx)
        }),
    )
    .await;

    stage.scene("a_shared_queue");
    let jobs = Arc::new(PriorityQueue::new(JOBS.len()));
    for tenths in JOBS {
        let _ = jobs.put((), tenths).await;
    }
    jobs.close();
    race(
        "a shared queue",
        (0..WORKERS).map(|_| shared(Arc::clone(&jobs))),
    )
    .await;

    stage.scene("no_waiting");
    println!("no waiting, a lock: {}", behind_a_lock().await);
    println!(
        "no waiting, a shared queue: {}",
        from_a_shared_queue().await
    );
}

/// Which worker did which job, in the order in which they were done.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<usize>>>);

impl Log {
    fn done_by(&self, worker: usize) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(worker);
    }

    /// How many jobs each worker did.
    fn each(&self) -> [usize; WORKERS] {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        array::from_fn(|worker| log.iter().filter(|done_by| **done_by == worker).count())
    }

    /// How often a job was done by another worker than the one before.
    fn changes(&self) -> usize {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }
}

impl Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (each, changes) = (self.each(), self.changes());
        write!(f, "jobs done: {each:?}, changes of worker: {changes}")
    }
}

/// A thousand jobs that need no waiting. Does the first worker leave any to the others?
async fn behind_a_lock() -> Log {
    let (tx, rx) = mpsc::channel(1000);
    for number in 0..1000 {
        let _ = tx.try_send(number);
    }
    drop(tx);
    let (log, rx) = (Log::default(), Arc::new(Mutex::new(rx)));
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let (log, rx) = (log.clone(), Arc::clone(&rx));
        workers.spawn(async move {
            loop {
                let job = rx.lock().await.recv().await;
                if job.is_none() {
                    return;
                }
                log.done_by(worker);
            }
        });
    }
    workers.join_all().await;
    log
}

async fn from_a_shared_queue() -> Log {
    let queue = Arc::new(PriorityQueue::new(1000));
    for number in 0..1000 {
        let _ = queue.put((), number).await;
    }
    let (log, mut workers) = (Log::default(), JoinSet::new());
    for worker in 0..WORKERS {
        let (log, queue) = (log.clone(), Arc::clone(&queue));
        workers.spawn(async move {
            while queue.get().await.is_some() {
                log.done_by(worker);
            }
        });
    }
    queue.close();
    workers.join_all().await;
    log
}

/// Runs the workers, and prints how long they took and how many jobs each of them did.
async fn race<F>(name: &str, workers: impl Iterator<Item = F>)
where
    F: Future<Output = usize> + Send + 'static,
{
    let start = Instant::now();
    // Handles in a list keep the order of the workers; a `JoinSet` gives that of their ends.
    let workers: Vec<_> = workers.map(tokio::spawn).collect();
    let mut done = Vec::new();
    for worker in workers {
        done.push(worker.await.unwrap_or_default());
    }
    println!("{name}: {:.1} s, jobs done: {done:?}", seconds_since(start));
}

/// A job that says, by being dropped, that nobody works on it any more.
struct Job {
    number: u32,
    /// Counted as long as it lives. Python's `task_done` is the drop of this.
    _unfinished: TaskTrackerToken,
    /// Tells the one who waits for this job. Dropped unsent, it tells that the job was lost.
    done: oneshot::Sender<()>,
}

/// Takes jobs, and panics at job number `bad`.
async fn worker(jobs: Arc<Mutex<Receiver<Job>>>, bad: u32) {
    loop {
        let job = jobs.lock().await.recv().await;
        let Some(job) = job else {
            return;
        };
        sleep(2 * TENTH)
            .traced(format!("job({})", job.number))
            .await;
        assert!(job.number != bad, "a mistake in the worker");
        let _ = job.done.send(()); // fails if nobody waits for it
    }
}

/// When is everything done? Three jobs for two workers; the second time one of them panics.
pub(crate) async fn join() {
    for (name, bad) in [("all go well", 0), ("one fails", 2)] {
        let start = Instant::now();
        let (tx, rx) = mpsc::channel(3);
        let rx = Arc::new(Mutex::new(rx));
        let mut workers = JoinSet::new();
        for _ in 0..2 {
            workers.spawn(worker(Arc::clone(&rx), bad));
        }
        let unfinished = TaskTracker::new();
        let mut answers = Vec::new();
        for number in 1..=3 {
            let (done, answer) = oneshot::channel();
            answers.push((number, answer));
            let _ = tx
                .send(Job {
                    number,
                    _unfinished: unfinished.token(),
                    done,
                })
                .await;
        }

        if bad == 0 {
            // All places are free: all jobs have been taken, and not all are done.
            let _ = tx.reserve_many(tx.max_capacity()).await;
            println!("{name}: taken after {:.1} s", seconds_since(start));
        }
        unfinished.close(); // no more will come; without this `wait` never ends
        unfinished.wait().await;
        let after = seconds_since(start);
        println!("{name}: nothing unfinished after {after:.1} s");

        for (number, answer) in answers {
            if answer.await.is_err() {
                println!("job {number} was taken, and lost");
            }
        }
        drop(tx); // the workers end
        while let Some(end) = workers.join_next().await {
            if end.is_err_and(|error| error.is_panic()) {
                println!("a worker has panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::timeline::{self, What};
    use std::time::Duration;
    use tokio::time::timeout;

    async fn time_of<F>(workers: impl Iterator<Item = F>) -> (Duration, Vec<usize>)
    where
        F: Future<Output = usize> + Send + 'static,
    {
        let start = Instant::now();
        let workers: Vec<_> = workers.map(tokio::spawn).collect();
        let mut done = Vec::new();
        for worker in workers {
            done.push(worker.await.unwrap());
        }
        (start.elapsed(), done)
    }

    #[tokio::test(start_paused = true)]
    async fn who_keeps_the_lock_works_alone() {
        let jobs = Arc::new(Mutex::new(waiting_jobs()));
        let kept = time_of((0..WORKERS).map(|_| guard_kept(Arc::clone(&jobs)))).await;
        let sum: u32 = JOBS.iter().sum();
        assert_eq!(kept, (sum * TENTH, vec![3, 3, 3]));

        let jobs = Arc::new(Mutex::new(waiting_jobs()));
        let dropped = time_of((0..WORKERS).map(|_| guard_dropped(Arc::clone(&jobs)))).await;
        assert_eq!(dropped, (6 * TENTH, vec![2, 3, 4]));
    }

    /// Polls of workers that wait for jobs, one job every second.
    async fn polls<F>(workers: Vec<F>, send: impl AsyncFn()) -> usize
    where
        F: Future<Output = usize> + Send + 'static,
    {
        let ((), recording) = timeline::record(async {
            let rows = workers.into_iter().map(|worker| worker.traced("worker"));
            let tasks: Vec<_> = rows.map(tokio::spawn).collect();
            for _ in 0..9 {
                sleep(10 * TENTH).await;
                send().await;
            }
            sleep(10 * TENTH).await;
            for task in tasks {
                task.abort();
            }
        })
        .await;
        let is_poll = |what: &What| matches!(what, What::Poll { .. });
        recording.events.iter().filter(|e| is_poll(&e.what)).count()
    }

    /// Behind a lock, each job wakes the worker that gets it, and the one that gets the lock next.
    #[tokio::test(start_paused = true)]
    async fn behind_a_lock_each_job_wakes_two_workers() {
        let count_locked = |jobs: Arc<Mutex<Receiver<u32>>>| async move {
            let mut done = 0;
            loop {
                let job = jobs.lock().await.recv().await;
                if job.is_none() {
                    return done;
                }
                done += 1;
            }
        };
        let (tx, rx) = mpsc::channel(9);
        let jobs = Arc::new(Mutex::new(rx));
        let workers = (0..WORKERS)
            .map(|_| count_locked(Arc::clone(&jobs)))
            .collect();
        let locked = polls(workers, async || tx.send(1).await.unwrap()).await;

        let jobs = Arc::new(PriorityQueue::new(9));
        let count_shared = |jobs: Arc<PriorityQueue<(), u32>>| async move {
            let mut done = 0;
            while jobs.get().await.is_some() {
                done += 1;
            }
            done
        };
        let workers = (0..WORKERS)
            .map(|_| count_shared(Arc::clone(&jobs)))
            .collect();
        let shared = polls(workers, async || jobs.put((), 1).await.unwrap()).await;
        assert_eq!((locked, shared), (3 + 2 * 9, 3 + 9));
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_never_waits_leaves_some_to_the_others() {
        for log in [behind_a_lock().await, from_a_shared_queue().await] {
            assert_eq!(log.each().iter().sum::<usize>(), 1000);
            assert!(log.each().iter().all(|done| *done > 200), "{log}");
        }
    }

    /// Once there is a line for the lock, it never ends: everyone who was served goes to its end.
    #[tokio::test(start_paused = true)]
    async fn a_line_for_a_lock_goes_on() {
        let log = behind_a_lock().await;
        let log = log.0.lock().unwrap();
        let alone = log.iter().take_while(|worker| **worker == 0).count();
        assert!((60..70).contains(&alone), "{alone}: half of the budget");
        let turns = log[alone..].iter().zip([1, 2, 0].iter().cycle());
        assert!(turns.clone().all(|(worker, turn)| worker == turn));
        drop(turns);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_lock_there_is_no_line() {
        let changes = from_a_shared_queue().await.changes();
        assert!(
            (5..10).contains(&changes),
            "{changes}: 1000 jobs, 128 in a turn"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn unfinished_is_more_than_waiting() {
        let start = Instant::now();
        let unfinished = TaskTracker::new();
        let token = unfinished.token();
        tokio::spawn(async move {
            sleep(TENTH).await;
            drop(token);
        });
        assert!(
            timeout(10 * TENTH, unfinished.wait()).await.is_err(),
            "not closed"
        );
        assert!(unfinished.is_empty());
        unfinished.close();
        unfinished.wait().await;
        assert_eq!(start.elapsed(), 10 * TENTH);
    }

    /// The token is dropped while the worker unwinds; the answer says which job it was.
    #[tokio::test(start_paused = true)]
    async fn a_panic_loses_a_job_and_nobody_hangs() {
        let (tx, rx) = mpsc::channel(3);
        let rx = Arc::new(Mutex::new(rx));
        let mut workers = JoinSet::new();
        for _ in 0..2 {
            workers.spawn(worker(Arc::clone(&rx), 2));
        }
        let unfinished = TaskTracker::new();
        let mut answers = Vec::new();
        for number in 1..=3 {
            let (done, answer) = oneshot::channel();
            answers.push(answer);
            let job = Job {
                number,
                _unfinished: unfinished.token(),
                done,
            };
            assert!(tx.send(job).await.is_ok());
        }
        unfinished.close();
        unfinished.wait().await;
        let mut arrived = Vec::new();
        for answer in answers {
            arrived.push(answer.await.is_ok());
        }
        assert_eq!(arrived, [true, false, true]);
        // The lock of tokio is not poisoned: the other worker goes on.
        drop(tx);
        let mut panics = 0;
        while let Some(end) = workers.join_next().await {
            panics += u32::from(end.is_err());
        }
        assert_eq!(panics, 1);
    }

    /// If the last worker is gone, so is the receiver, and whoever sends is told.
    #[tokio::test(start_paused = true)]
    async fn without_workers_the_sender_is_told() {
        let (tx, rx) = mpsc::channel(1);
        let worker = tokio::spawn(worker(Arc::new(Mutex::new(rx)), 1));
        let unfinished = TaskTracker::new();
        let mut refused = 0;
        for number in 1..=3 {
            let (done, _answer) = oneshot::channel();
            let job = Job {
                number,
                _unfinished: unfinished.token(),
                done,
            };
            refused += u32::from(tx.send(job).await.is_err());
        }
        assert!(worker.await.unwrap_err().is_panic());
        assert_eq!(refused, 1, "one was lost by the panic, one in the channel");
    }
}
