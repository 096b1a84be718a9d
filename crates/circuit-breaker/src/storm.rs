//! The storm of the lesson `retry`: users who all try again, and a service that does not recover
//! because they do.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use circuit_breaker::Breaker;
use futures::future::join_all;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::POLICY;
use crate::order::{is_worth_a_retry, retry};
use crate::service::{Clock, Failure, PATIENCE};

/// How long it is watched.
const SECONDS: usize = 20;
const REQUESTS: u32 = 200;
/// About ten requests a second. Not a round number: of two events in the same instant nobody knows
/// which is first.
const EVERY: Duration = Duration::from_millis(97);

/// A service that does one thing after the other, each in 47 ms: twenty-one calls a second. From
/// the third second to the sixth it stands still.
struct Worker {
    clock: Clock,
    /// When it will have done all that it has accepted.
    free_at: Cell<Instant>,
    calls: RefCell<[u32; SECONDS]>,
    answers: RefCell<[u32; SECONDS]>,
}

impl Worker {
    fn new(clock: Clock) -> Self {
        Self {
            clock,
            free_at: Cell::new(Instant::now()),
            calls: RefCell::default(),
            answers: RefCell::default(),
        }
    }

    async fn call(&self) -> Result<(), Failure> {
        self.count(&self.calls);
        let mut begin = self.free_at.get().max(Instant::now());
        let stands_still = self.clock.at(3.0)..self.clock.at(6.0);
        if stands_still.contains(&begin) {
            begin = stands_still.end;
        }
        let done = begin + Duration::from_millis(47);
        // The work is accepted. When the caller gives up, the answer is lost, and the work is not.
        self.free_at.set(done);
        sleep_until(done).await;
        self.count(&self.answers);
        Ok(())
    }

    fn count(&self, seconds: &RefCell<[u32; SECONDS]>) {
        let second = usize::try_from(self.clock.now().as_secs()).unwrap_or(usize::MAX);
        if let Some(count) = seconds.borrow_mut().get_mut(second) {
            *count += 1;
        }
    }
}

/// What the users have of it: how many were answered, and how long one waited for his answer or for
/// the end of his hopes.
struct Users {
    answered: usize,
    mean: f64,
}

async fn ask(worker: &Worker) -> Result<(), Failure> {
    let answer = timeout(PATIENCE, worker.call()).await;
    answer.unwrap_or(Err(Failure::TimedOut))
}

/// All requests, dealt out to processes. Each process has a breaker of its own, or `None`.
async fn run(processes: Vec<Option<Breaker>>) -> (Worker, Users) {
    let clock = Clock::start();
    let worker = Worker::new(clock);
    let request = async |number: u32, breaker: &Option<Breaker>| {
        sleep(EVERY * number).await;
        let began = clock.now();
        let answered = match breaker {
            None => {
                let attempt = async || ask(&worker).await;
                let again = Failure::speaks_against_the_service;
                retry(attempt, again).await.is_ok()
            }
            Some(breaker) => {
                let is_failure = Failure::speaks_against_the_service;
                let attempt = async || breaker.call(ask(&worker), is_failure).await;
                retry(attempt, is_worth_a_retry).await.is_ok()
            }
        };
        (answered, (clock.now() - began).as_secs_f64())
    };
    let requests = (0..REQUESTS).zip(processes.iter().cycle());
    let ends = join_all(requests.map(|(number, breaker)| request(number, breaker))).await;
    let waited: f64 = ends.iter().map(|(_, waited)| waited).sum();
    let users = Users {
        answered: ends.iter().filter(|(answered, _)| *answered).count(),
        mean: waited / f64::from(REQUESTS),
    };
    (worker, users)
}

/// Calls and answers in each second; one `#` for three calls.
pub(crate) async fn storm() {
    let breakers = |count| (0..count).map(|_| Some(Breaker::new(POLICY))).collect();
    let (without, one, five) = tokio::join!(run(vec![None]), run(breakers(1)), run(breakers(5)));
    let columns = [without, one, five];
    println!("second  no breaker               one breaker              five processes");
    println!("         calls          answers   calls          answers   calls          answers");
    for second in 0..SECONDS {
        let cells = columns.iter().map(|(worker, _)| {
            let calls = worker.calls.borrow()[second];
            let answers = worker.answers.borrow()[second];
            let bar = "#".repeat(calls.div_ceil(3) as usize);
            format!("  {calls:3} {bar:15} {answers:3}")
        });
        println!("{second:6}{}", cells.collect::<String>());
    }
    println!("                in vain  answered  a user waits");
    let names = ["no breaker", "one breaker", "five processes"];
    for (name, (worker, users)) in names.iter().zip(&columns) {
        let calls: u32 = worker.calls.borrow().iter().sum();
        let answers: u32 = worker.answers.borrow().iter().sum();
        let Users { answered, mean } = users;
        println!("{name:14} {:8} {answered:9} {mean:11.1} s", calls - answers);
    }
}
