//! What the cache stands in front of: something slow, whose calls are counted.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::Trace as _;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::sleep;

/// Half of what a call takes.
pub(crate) const HALF: Duration = Duration::from_millis(500);

/// How calls end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    Well,
    InAnError,
    InAPanic,
}

/// A weather service. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    ends: Ends,
    calls: Arc<AtomicU32>,
}

impl Upstream {
    pub(crate) fn new(ends: Ends) -> Self {
        Self {
            ends,
            calls: Arc::default(),
        }
    }

    /// Asks for a report, which takes a second: half of it to be heard, half of it for the answer.
    ///
    /// The report is the number of the call, so that an old one can be told from a new one. It says
    /// what was known when the call began.
    pub(crate) fn fetch(&self, city: &str) -> BoxFuture<'static, io::Result<u32>> {
        let Self { ends, calls } = self.clone();
        let row = format!("fetch({city:?})");
        async move {
            let call = calls.fetch_add(1, Ordering::Relaxed) + 1;
            sleep(HALF).await;
            sleep(HALF).await;
            match ends {
                Ends::Well => Ok(call),
                Ends::InAnError => Err(io::Error::new(
                    ErrorKind::ConnectionReset,
                    "connection reset",
                )),
                Ends::InAPanic => panic!("a bug in fetch"),
            }
        }
        .traced(row)
        .boxed()
    }

    /// How many calls there have been.
    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }
}
