//! A service that fails as it is told, on the paused clock. The real one is in `src/bin/http`.

use std::cell::{Cell, RefCell};
use std::collections::{HashSet, VecDeque};
use std::future::pending;
use std::time::Duration;

use hyper::StatusCode;
use retry::{Cause, Failure};
use tokio::time::sleep;

/// What the service does in one call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Ok,
    Refuse,
    /// Works for a quarter of a second, and breaks off.
    Reset,
    /// Says nothing, for ever.
    Hang,
    Answer(u16),
    /// 503, with a `Retry-After` in seconds.
    Busy(u64),
}

/// Does in each call what its script says, and at its end the last step for ever.
#[derive(Debug)]
pub(crate) struct Service {
    script: RefCell<VecDeque<Step>>,
    pub(crate) calls: Cell<u32>,
}

impl Service {
    pub(crate) fn new(script: impl IntoIterator<Item = Step>) -> Self {
        Self {
            script: RefCell::new(script.into_iter().collect()),
            calls: Cell::new(0),
        }
    }

    fn next_step(&self) -> Option<Step> {
        let mut script = self.script.borrow_mut();
        if script.len() > 1 {
            script.pop_front()
        } else {
            script.front().copied()
        }
    }

    pub(crate) async fn call(&self) -> Result<&'static str, Failure> {
        self.calls.set(self.calls.get() + 1);
        match self.next_step() {
            Some(Step::Ok) => {
                sleep(Duration::from_millis(250)).await;
                Ok("ok")
            }
            Some(Step::Refuse) | None => Err(Failure::new(Cause::Refused)),
            Some(Step::Reset) => {
                sleep(Duration::from_millis(250)).await;
                Err(Failure::new(Cause::Reset))
            }
            Some(Step::Hang) => pending().await,
            Some(Step::Answer(code)) => {
                let status = StatusCode::from_u16(code);
                let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Err(Failure::new(Cause::Answered(status)))
            }
            Some(Step::Busy(seconds)) => {
                let busy = Failure::new(Cause::Answered(StatusCode::SERVICE_UNAVAILABLE));
                Err(busy.after(Duration::from_secs(seconds)))
            }
        }
    }
}

/// A bank whose first answer is lost, after it has done what it was asked to do.
#[derive(Debug, Default)]
pub(crate) struct Bank {
    keys: RefCell<HashSet<String>>,
    calls: Cell<u32>,
    pub(crate) charged: Cell<u32>,
}

impl Bank {
    /// Charges once for each `key`, and each time where there is none.
    pub(crate) async fn charge(&self, key: Option<&str>) -> Result<&'static str, Failure> {
        sleep(Duration::from_millis(250)).await;
        // To look up the key, to charge, to keep the key: no await in between, so that nothing
        // can happen between them. With a database these are one transaction.
        let is_new = key.is_none_or(|key| self.keys.borrow_mut().insert(key.to_owned()));
        if is_new {
            self.charged.set(self.charged.get() + 1);
        }
        self.calls.set(self.calls.get() + 1);
        if self.calls.get() == 1 {
            return Err(Failure::new(Cause::Reset));
        }
        Ok("paid")
    }
}
