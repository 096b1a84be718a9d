//! The client library of a shop, as somebody else wrote it: every call takes a callback.
//!
//! A call comes back at once. Later a thread of the library calls back, with a result or an error.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;
use std::{io, mem, thread};

use tokio::runtime::Handle;
use tokio::sync::oneshot::error::RecvError;
use tokio::time::sleep;

/// What can go wrong in the shop, and on the way to it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ShopError {
    #[error("no such user")]
    NoSuchUser,
    #[error("no profile")]
    NoProfile,
    #[error("the shop is busy")]
    Busy,
    /// The callback was thrown away, and with it the sender inside it.
    #[error("the shop will never call back")]
    NeverCalled(#[from] RecvError),
}

#[derive(Debug)]
pub(crate) struct Session(String);

#[derive(Debug)]
pub(crate) struct Profile(String);

pub(crate) type Orders = Vec<&'static str>;

type Job = Box<dyn FnOnce() + Send>;
type InStock = Box<dyn FnOnce(Result<&'static str, ShopError>) + Send>;

/// A connection to the shop. Clones share it; the thread ends when the last one is dropped.
#[derive(Clone)]
pub(crate) struct Shop {
    jobs: mpsc::Sender<Job>,
    out_of_stock: Arc<Mutex<Vec<InStock>>>,
}

/// How long the shop takes to answer.
pub(crate) const LATENCY: Duration = Duration::from_millis(200);

/// The name of the library's thread.
pub(crate) const THREAD: &str = "shop";

impl Shop {
    /// Starts the library's thread.
    pub(crate) fn open() -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let runtime = Handle::current();
        thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || {
                // What looks at the clock on this thread looks at that of the runtime.
                let _clock = runtime.enter();
                for job in queue {
                    // A real one would wait for a socket. This one waits on tokio's clock, because
                    // a sleep of the thread itself would take its time under `--instant` too.
                    runtime.block_on(async { sleep(LATENCY).await });
                    job();
                }
            })?;
        Ok(Self {
            jobs,
            out_of_stock: Arc::default(),
        })
    }

    pub(crate) fn log_in(
        &self,
        user: &str,
        done: impl FnOnce(Result<Session, ShopError>) + Send + 'static,
    ) {
        let user = user.to_owned();
        self.later(move || {
            done(match user.as_str() {
                "ada" | "bob" => Ok(Session(user)),
                _ => Err(ShopError::NoSuchUser),
            });
        });
    }

    pub(crate) fn load_profile(
        &self,
        Session(user): Session,
        done: impl FnOnce(Result<Profile, ShopError>) + Send + 'static,
    ) {
        self.later(move || {
            done(match user.as_str() {
                "ada" => Ok(Profile(user)),
                _ => Err(ShopError::NoProfile),
            });
        });
    }

    pub(crate) fn load_orders(
        &self,
        Profile(user): Profile,
        done: impl FnOnce(Result<Orders, ShopError>) + Send + 'static,
    ) {
        self.later(move || {
            done(Ok(match user.as_str() {
                "ada" => vec!["tea", "kettle"],
                _ => Vec::new(),
            }));
        });
    }

    /// Calls back twice when the shop is busy: to say so, and again when it has an answer.
    pub(crate) fn load_offers(
        &self,
        mut done: impl FnMut(Result<Orders, ShopError>) + Send + 'static,
    ) {
        self.later(move || {
            done(Err(ShopError::Busy));
            done(Ok(vec!["cup"]));
        });
    }

    /// Calls back with the price when there is some of it again. That is never.
    pub(crate) fn when_in_stock(
        &self,
        done: impl FnOnce(Result<&'static str, ShopError>) + Send + 'static,
    ) {
        let mut waiting = self
            .out_of_stock
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        waiting.push(Box::new(done));
    }

    /// Closes the shop. Whoever waits until something is in stock is forgotten.
    pub(crate) fn close(&self) {
        let mut waiting = self
            .out_of_stock
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let forgotten = mem::take(&mut *waiting);
        drop(waiting);
        // Outside of the lock: to drop a callback can run code of the caller.
        drop(forgotten);
    }

    fn later(&self, job: impl FnOnce() + Send + 'static) {
        // If the thread is gone, the job comes back in the error and is dropped, with its callback.
        drop(self.jobs.send(Box::new(job)));
    }
}
