//! A detector for futures that nobody will ever wake.

use std::fmt::{self, Display};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use crate::lock;

/// What came of a future that was watched.
#[derive(Debug, PartialEq)]
pub(crate) enum Watched<T> {
    /// It is done, after so many polls.
    Done { output: T, polls: u32 },
    /// It answered "pending", and nobody is left who could have it polled again.
    PendingForever,
}

/// Awaits `future`, and gives up when it waits for a wake that cannot come.
///
/// The future is polled with a waker of our own, whose copies can be counted. "Pending" promises
/// that somebody keeps a copy and will call it. With no copy left, and no call made, there is
/// nobody to keep the promise.
///
/// It finds only that. A future that holds the copy itself, or one whose waker is held by somebody
/// who never calls it, is not found.
pub(crate) async fn watch<F: Future>(future: F) -> Watched<F::Output> {
    let mut future = pin!(future);
    let mut polls = 0;
    let bell = Arc::new(Bell(Mutex::new(None)));
    poll_fn(|cx| {
        polls += 1;
        *lock(&bell.0) = Some(cx.waker().clone());
        let ours = Waker::from(Arc::clone(&bell));
        let polled = future.as_mut().poll(&mut Context::from_waker(&ours));
        drop(ours);
        match polled {
            Poll::Ready(output) => Poll::Ready(Watched::Done { output, polls }),
            // First the count, then the bell: who rings it lets go of it afterwards.
            Poll::Pending if Arc::strong_count(&bell) == 1 && lock(&bell.0).is_some() => {
                Poll::Ready(Watched::PendingForever)
            }
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// The waker that the watched future sees. Holds the one of the task that watches, until it rings.
struct Bell(Mutex<Option<Waker>>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let task = lock(&self.0).take();
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl<T: Display> Display for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done { output, polls } => write!(f, "{output}, after {polls} polls"),
            Self::PendingForever => f.write_str("pending forever: nobody holds its waker"),
        }
    }
}
