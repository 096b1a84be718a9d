//! Callers who come at random, and what becomes of them.

use std::fmt::Display;
use std::time::Duration;

use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep_until};

use crate::{End, Policy, Service, Times, USUAL, caller, policies};

/// How many requests a second the service can do.
const CAPACITY: u32 = 20;

/// When somebody comes: for each `(per_second, seconds)`, so many on average, and for so long.
///
/// In each two milliseconds somebody comes, or nobody, as the dice fall. So there are moments with
/// many and moments with none, as with real callers. The dice are a generator that is written in a
/// line in any language, so that the Python twin has the same callers.
pub(crate) fn arrivals(load: &[(u32, u32)]) -> Vec<Duration> {
    let mut dice: u64 = 1;
    let mut begin = 0;
    let mut all = Vec::new();
    for &(per_second, seconds) in load {
        let end = begin + u64::from(seconds) * 1000;
        for moment in (begin..end).step_by(2) {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            // The upper half, as one of 500: the two milliseconds of a second.
            let thrown = ((dice >> 32) * 500) >> 32;
            if thrown < u64::from(per_second) {
                all.push(Duration::from_millis(moment));
            }
        }
        begin = end;
    }
    all
}

/// Waits until `moment`, and then for whoever is done in that same instant: who leaves, leaves
/// before somebody comes.
pub(crate) async fn until(moment: Instant) {
    sleep_until(moment).await;
    for _ in 0..4 {
        yield_now().await;
    }
}

/// What was seen of a service.
#[derive(Debug)]
pub(crate) struct Seen {
    /// When each caller came, after the start; how it ended; how long that took.
    pub(crate) callers: Vec<(Duration, End, Duration)>,
    /// Requests that were done when nobody waited for them any more.
    pub(crate) in_vain: usize,
}

impl Seen {
    /// How long those callers waited who ended so, the shortest wait first.
    pub(crate) fn waited(&self, ended: impl Fn(End) -> bool) -> Vec<Duration> {
        let ended = self.callers.iter().filter(|(_, end, _)| ended(*end));
        let mut waited: Vec<Duration> = ended.map(|(_, _, waited)| *waited).collect();
        waited.sort_unstable();
        waited
    }

    pub(crate) fn answered(&self) -> usize {
        self.waited(|end| end == End::Answered).len()
    }
}

/// Lets callers come to a service, and waits for the last of them and for the last of the work.
pub(crate) async fn run(policy: Policy, times: Times, arrivals: &[Duration]) -> Seen {
    let (service, workers) = Service::start(policy, times);
    let start = Instant::now();
    let mut callers = JoinSet::new();
    for (number, &came) in (1..).zip(arrivals) {
        until(start + came).await;
        let caller = caller(service.clone(), number);
        callers.spawn(async move {
            let (end, waited) = caller.await;
            (came, end, waited)
        });
    }
    drop(service); // the callers have their clones; when the last one ends, so do the workers
    Seen {
        callers: callers.join_all().await,
        in_vain: workers.join_all().await.into_iter().sum(),
    }
}

/// So much of `sorted` is not above the result. The nearest rank; `None` of nothing.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

/// Half up, in integers, so that Rust and Python round alike.
pub(crate) fn percent(part: usize, whole: usize) -> usize {
    (200 * part + whole) / (2 * whole.max(1))
}

fn half(waited: &[Duration]) -> String {
    percentile(waited, 50).map_or("–".to_owned(), |half| {
        format!("{:.2} s", half.as_secs_f64())
    })
}

fn row(first: impl Display, second: impl Display, cells: impl IntoIterator<Item = String>) {
    let cells = cells.into_iter().map(|cell| format!("{cell:>11}"));
    println!("{first:>6}{second:>6}{}", cells.collect::<String>());
}

/// Half a minute of each load, with each policy.
pub(crate) async fn loads(only: Option<u32>, places: usize) {
    let loads = only.map_or(vec![50, 90, 110, 200], |load| vec![load]);
    let mut table = Vec::new();
    for load in loads {
        let arrivals = arrivals(&[(CAPACITY * load / 100, 30)]);
        let mut seen = Vec::new();
        for policy in policies(places) {
            seen.push(run(policy, USUAL, &arrivals).await);
        }
        table.push((load, arrivals.len(), seen));
    }
    let names = policies(places).map(|policy| policy.name.to_owned());
    row("load", "came", names);
    let block = |title: &str, cell: &dyn Fn(&Seen) -> String| {
        println!("{title}");
        for (load, came, seen) in &table {
            row(format!("{load} %"), came, seen.iter().map(cell));
        }
    };
    block("answered in time", &|seen| {
        format!("{} %", percent(seen.answered(), seen.callers.len()))
    });
    block("half of them within", &|seen| {
        half(&seen.waited(|end| end == End::Answered))
    });
    block("half of the others learn it after", &|seen| {
        half(&seen.waited(|end| end != End::Answered))
    });
    block("work that was done in vain", &|seen| {
        let done = seen.answered() + seen.in_vain;
        format!("{} %", percent(seen.in_vain, done))
    });
}

/// Ten seconds at half of the capacity, ten at twice of it, and then half again.
pub(crate) async fn rush(places: usize) {
    let arrivals = arrivals(&[(CAPACITY / 2, 10), (CAPACITY * 2, 10), (CAPACITY / 2, 24)]);
    let shown = policies(places).into_iter();
    let shown: Vec<Policy> = shown.filter(|policy| policy.name != "bound").collect();
    let mut seen = Vec::new();
    for &policy in &shown {
        seen.push(run(policy, USUAL, &arrivals).await);
    }
    println!("answered in time, of those who came in these two seconds");
    row(
        "s",
        "came",
        shown.iter().map(|policy| policy.name.to_owned()),
    );
    for second in (0..44).step_by(2) {
        let second = Duration::from_secs(second);
        let now = |came: Duration| came >= second && came < second + Duration::from_secs(2);
        let came = arrivals.iter().filter(|&&came| now(came)).count();
        let answered = seen.iter().map(|seen| {
            let callers = seen.callers.iter();
            let answered = callers.filter(|(came, end, _)| now(*came) && *end == End::Answered);
            answered.count().to_string()
        });
        row(second.as_secs(), came, answered);
    }
    let all = seen.iter().map(|seen| seen.answered().to_string());
    row("all", arrivals.len(), all);
}
