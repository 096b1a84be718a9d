//! A crowd asks one of the caches, and what came of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use common::{Stage, Trace as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::upstream::{Ends, Upstream};
use crate::versions::{Answer, Reports};

/// How long those wait who give up: less than a call takes.
pub(crate) const PATIENCE: Duration = Duration::from_millis(300);

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    callers: u32,
    /// Each caller asks for another city.
    apart: bool,
    /// How many give up, the first ones.
    leavers: u32,
}

impl Crowd {
    /// All ask for Oslo, at the same time, and wait for the answer.
    pub(crate) fn of(callers: u32) -> Self {
        Self {
            callers,
            apart: false,
            leavers: 0,
        }
    }

    pub(crate) fn apart(self) -> Self {
        Self {
            apart: true,
            ..self
        }
    }

    pub(crate) fn leaving(self, leavers: u32) -> Self {
        Self { leavers, ..self }
    }
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", count(self.callers, "caller"))?;
        if self.apart {
            f.write_str(" of as many cities")?;
        }
        match self.leavers {
            0 => Ok(()),
            all if all == self.callers => f.write_str(", all give up"),
            1 => f.write_str(", 1 gives up"),
            some => write!(f, ", {some} give up"),
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) calls: u32,
    pub(crate) answers: u32,
    pub(crate) errors: u32,
    pub(crate) panics: u32,
    /// Until nobody waited any more.
    pub(crate) time: Duration,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            calls,
            answers,
            errors,
            panics,
            time,
        } = *self;
        f.write_str(&count(calls, "call"))?;
        for (n, what) in [(answers, "answer"), (errors, "error"), (panics, "panic")] {
            if n > 0 {
                write!(f, ", {}", count(n, what))?;
            }
        }
        write!(f, ", {:.1} s", time.as_secs_f64())
    }
}

/// One of the caches, and what it stands in front of.
pub(crate) struct Arena<R> {
    reports: Arc<R>,
    upstream: Upstream,
}

impl<R: Reports> Arena<R> {
    /// Begins a scene of the timeline.
    pub(crate) fn new(stage: &Stage, title: &str, ends: Ends) -> Self {
        stage.scene(&format!("{}: {title}", R::NAME));
        Self::unseen(ends)
    }

    pub(crate) fn unseen(ends: Ends) -> Self {
        let upstream = Upstream::new(ends);
        Self {
            reports: Arc::new(R::new(upstream.clone())),
            upstream,
        }
    }

    /// Lets the crowd ask, and prints what came of it.
    pub(crate) async fn show(&self, crowd: Crowd) {
        let tally = self.ask(crowd).await;
        println!("{}: {crowd}: {tally}", R::NAME);
    }

    /// Lets one more caller ask, a second later.
    pub(crate) async fn show_later(&self) {
        sleep(Duration::from_secs(1)).await;
        let tally = self.ask(Crowd::of(1)).await;
        println!("{}: 1 caller later: {tally}", R::NAME);
    }

    pub(crate) async fn ask(&self, crowd: Crowd) -> Tally {
        let start = Instant::now();
        let calls = self.upstream.calls();
        let mut callers = JoinSet::new();
        for number in 1..=crowd.callers {
            let reports = Arc::clone(&self.reports);
            let city = if crowd.apart {
                format!("city {number}")
            } else {
                "Oslo".to_owned()
            };
            let call = async move { reports.get(&city).await }.traced(format!("caller({number})"));
            callers.spawn(async move {
                if number <= crowd.leavers {
                    timeout(PATIENCE, call).await.ok()
                } else {
                    Some(call.await)
                }
            });
        }
        let mut tally = Tally::default();
        while let Some(ended) = callers.join_next().await {
            match ended {
                Ok(Some(Ok(_))) => tally.answers += 1,
                Ok(Some(Err(_))) => tally.errors += 1,
                Ok(None) => {}
                Err(_) => tally.panics += 1,
            }
        }
        tally.calls = self.upstream.calls() - calls;
        tally.time = start.elapsed();
        tally
    }
}

/// An answer in words.
pub(crate) fn told(answer: &Answer) -> String {
    match answer {
        Ok(report) => format!("call {report}"),
        Err(error) => error.to_string(),
    }
}

pub(crate) fn count(n: u32, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
