//! Random lives of a breaker, checked against a model that remembers everything, and against what
//! must hold whatever happens.

#![allow(clippy::unwrap_used, reason = "the panic of a test is its report")]

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use circuit_breaker::{Breaker, Error, Permit, Policy, State};
use proptest::prelude::*;
use proptest::sample::Index;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::{Instant, advance, sleep, timeout};

fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn policies() -> impl Strategy<Value = Policy> {
    // Few different times and percentages, so that it often is the very millisecond and the very
    // percentage that decide.
    let percent = prop_oneof![Just(25), Just(50), Just(100), 1..=100_usize];
    let ranges = (1..6_usize, 1..10_u64, 1..6_usize, percent, 0..6_u64);
    ranges.prop_map(|(last, within, at_least, percent, open_for)| Policy {
        last,
        within: Duration::from_millis(500 * within),
        at_least,
        percent,
        open_for: Duration::from_millis(500 * open_for),
    })
}

/// One step of a life. An `Index` chooses one of the calls that are under way.
#[derive(Clone, Debug)]
enum Step {
    Begin,
    Succeed(Index),
    Fail(Index),
    Drop(Index),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => Just(Step::Begin),
        2 => any::<Index>().prop_map(Step::Succeed),
        3 => any::<Index>().prop_map(Step::Fail),
        1 => any::<Index>().prop_map(Step::Drop),
        2 => (0..5_u64).prop_map(|halves| Step::Wait(500 * halves)),
    ];
    prop::collection::vec(step, 0..120)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Succeeded,
    Failed,
    Dropped,
}

/// A period of one state: when and why it began, and what its own calls came to, all of them.
struct Period {
    state: State,
    /// When nobody may be let through before. Only of an open period.
    until: Duration,
    ends: Vec<(Duration, End)>,
}

impl Period {
    fn new(state: State, until: Duration) -> Self {
        let ends = Vec::new();
        Self { state, until, ends }
    }
}

/// Decides from the whole history, where the breaker keeps a window and a number.
struct Model {
    policy: Policy,
    now: Duration,
    periods: Vec<Period>,
}

impl Model {
    fn now_in(&mut self) -> &mut Period {
        self.periods.last_mut().unwrap()
    }

    /// The number of the period to which the call belongs, if it is let through.
    fn begin(&mut self) -> Option<usize> {
        let now = self.now;
        let period = self.now_in();
        match period.state {
            State::Closed => {}
            State::Open if now >= period.until => {
                let until = period.until;
                self.periods.push(Period::new(State::HalfOpen, until));
            }
            State::Open | State::HalfOpen => return None,
        }
        Some(self.periods.len() - 1)
    }

    fn end(&mut self, of: usize, end: End) {
        let (now, policy) = (self.now, self.policy.clone());
        self.periods[of].ends.push((now, end));
        if of + 1 != self.periods.len() {
            return;
        }
        let period = self.now_in();
        let next = match (period.state, end) {
            (State::Closed, End::Failed) => {
                let known = period.ends.iter().filter(|(_, end)| *end != End::Dropped);
                let looked_at: Vec<_> = known
                    .rev()
                    .take(policy.last)
                    .filter(|(at, _)| now - *at <= policy.within)
                    .collect();
                let failed = looked_at.iter().filter(|(_, end)| *end == End::Failed);
                let opens = looked_at.len() >= policy.at_least.min(policy.last)
                    && failed.count() * 100 >= policy.percent * looked_at.len();
                opens.then(|| Period::new(State::Open, now + policy.open_for))
            }
            (State::HalfOpen, End::Failed) => Some(Period::new(State::Open, now + policy.open_for)),
            (State::HalfOpen, End::Dropped) => Some(Period::new(State::Open, period.until)),
            (State::HalfOpen, End::Succeeded) => Some(Period::new(State::Closed, now)),
            _ => None,
        };
        self.periods.extend(next);
    }
}

async fn live(policy: Policy, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let breaker = Breaker::new(policy.clone());
    let mut model = Model {
        policy: policy.clone(),
        now: Duration::ZERO,
        periods: vec![Period::new(State::Closed, Duration::ZERO)],
    };
    let mut calls: Vec<(Permit<'_>, usize)> = Vec::new();
    for step in steps {
        let ends = match step {
            Step::Begin => {
                let permit = breaker.permit().ok();
                let expected = model.begin();
                prop_assert_eq!(permit.is_some(), expected.is_some());
                calls.extend(permit.zip(expected));
                None
            }
            Step::Wait(milliseconds) => {
                let wait = Duration::from_millis(milliseconds);
                advance(wait).await;
                model.now += wait;
                None
            }
            Step::Succeed(which) => Some((which, End::Succeeded)),
            Step::Fail(which) => Some((which, End::Failed)),
            Step::Drop(which) => Some((which, End::Dropped)),
        };
        if let Some((which, end)) = ends
            && !calls.is_empty()
        {
            let (permit, of) = calls.swap_remove(which.index(calls.len()));
            match end {
                End::Succeeded => permit.succeeded(),
                End::Failed => permit.failed(),
                End::Dropped => drop(permit),
            }
            model.end(of, end);
        }
        prop_assert_eq!(breaker.state(), model.now_in().state);
        // Whatever the model says: one probe at the most.
        let is_probe = |of: usize| model.periods[of].state == State::HalfOpen;
        let probes = calls.iter().filter(|(_, of)| is_probe(*of)).count();
        prop_assert!(probes <= 1, "{} probes", probes);
        prop_assert_eq!(probes == 1, breaker.state() == State::HalfOpen);
    }
    // From wherever it has come to, there is a way back.
    calls.clear();
    advance(policy.open_for).await;
    let permit = breaker.permit();
    prop_assert!(permit.is_ok(), "shut for ever");
    permit.unwrap().succeeded();
    prop_assert_eq!(breaker.state(), State::Closed);
    Ok(())
}

/// How a task calls: when it begins, how long its operation takes, how that ends, and when its
/// caller gives up.
#[derive(Clone, Debug)]
struct Caller {
    begins: u64,
    takes: u64,
    ends: Way,
    gives_up_after: u64,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Succeeds,
    Fails,
    Panics,
}

fn callers() -> impl Strategy<Value = Vec<Caller>> {
    let ways = prop_oneof![2 => Just(Way::Succeeds), 3 => Just(Way::Fails), 1 => Just(Way::Panics)];
    let caller = (0..20_000_u64, 0..2_000_u64, ways, 1..3_000_u64);
    let caller = caller.prop_map(|(begins, takes, ends, gives_up_after)| Caller {
        begins,
        takes,
        ends,
        gives_up_after,
    });
    prop::collection::vec(caller, 0..100)
}

/// What the operations have seen.
#[derive(Default)]
struct Seen {
    under_way_as_probes: AtomicUsize,
    wrong: Mutex<Vec<String>>,
    /// When a failure last opened it.
    opened: Mutex<Option<Instant>>,
}

struct Probe<'a>(&'a Seen);

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        self.0.under_way_as_probes.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Seen {
    /// An operation begins. It asks the breaker whether that may be.
    fn begins(&self, breaker: &Breaker, open_for: Duration) -> Option<Probe<'_>> {
        let wrong = |what: &str| self.wrong.lock().unwrap().push(what.to_owned());
        match breaker.state() {
            State::Open => wrong("let through while open"),
            State::Closed => {}
            State::HalfOpen => {
                let opened = self.opened.lock().unwrap();
                if opened.is_none_or(|at| at.elapsed() < open_for) {
                    wrong("let through before its time");
                }
                if self.under_way_as_probes.fetch_add(1, Ordering::Relaxed) > 0 {
                    wrong("two probes");
                }
                return Some(Probe(self));
            }
        }
        None
    }
}

async fn crowd(policy: Policy, callers: Vec<Caller>) -> Result<(), TestCaseError> {
    let seen = Arc::new(Seen::default());
    let breaker = Arc::new(Breaker::new(policy.clone()));
    let mut tasks = JoinSet::new();
    for caller in callers {
        let (seen, breaker) = (Arc::clone(&seen), Arc::clone(&breaker));
        tasks.spawn(async move {
            sleep(Duration::from_millis(caller.begins)).await;
            let operation = async {
                let probe = seen.begins(&breaker, policy.open_for);
                sleep(Duration::from_millis(caller.takes)).await;
                match caller.ends {
                    Way::Succeeds => Ok(()),
                    Way::Fails => {
                        // A failure of the probe opens it, now; others are checked by the model.
                        if probe.is_some() {
                            *seen.opened.lock().unwrap() = Some(Instant::now());
                        }
                        Err(503)
                    }
                    Way::Panics => resume_unwind(Box::new("a bug")),
                }
            };
            let is_failure = |_: &i32| {
                // Told before the breaker is: if it opens at this failure, it does so now.
                if breaker.state() == State::Closed {
                    *seen.opened.lock().unwrap() = Some(Instant::now());
                }
                true
            };
            let patience = Duration::from_millis(caller.gives_up_after);
            let _ = timeout(patience, breaker.call(operation, is_failure)).await;
        });
    }
    while tasks.join_next().await.is_some() {}
    prop_assert_eq!(&*seen.wrong.lock().unwrap(), &Vec::<String>::new());
    sleep(policy.open_for).await;
    let answer: Result<(), Error<()>> = breaker.call(async { Ok(()) }, |()| true).await;
    prop_assert_eq!(answer, Ok(()));
    prop_assert_eq!(breaker.state(), State::Closed);
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn it_does_what_the_model_does(policy in policies(), steps in steps()) {
        runtime().block_on(live(policy, steps))?;
    }

    #[test]
    fn no_crowd_can_break_it(policy in policies(), callers in callers()) {
        runtime().block_on(crowd(policy, callers))?;
    }
}
