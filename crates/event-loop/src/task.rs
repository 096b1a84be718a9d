//! A task, as its wakers know it and as its handle does.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake};
use std::thread::{self, ThreadId};

use crate::executor::running;
use crate::trace::note;

/// A task as its wakers know it, on any thread. Its future never leaves the thread of the loop.
pub(crate) struct Task {
    pub(crate) id: u64,
    pub(crate) name: String,
    /// Whether it stands in the run queue.
    pub(crate) queued: AtomicBool,
    pub(crate) run_queue: Arc<RunQueue>,
}

/// Where tasks are put that are worth polling. The loop has the other end.
pub(crate) struct RunQueue {
    pub(crate) sender: mpsc::Sender<Arc<Task>>,
    pub(crate) thread: ThreadId,
    /// Ends the sleep of the loop.
    pub(crate) alarm: mio::Waker,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        // Woken twice before its turn, it still has one turn.
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        note(format_args!("wakes {}", self.name));
        let run_queue = Arc::clone(&self.run_queue);
        // Both of these fail only when the loop is gone, and with it every task.
        let _ = run_queue.sender.send(self);
        // The thread of the loop does not sleep while it is here.
        if thread::current().id() != run_queue.thread {
            let _ = run_queue.alarm.wake();
        }
    }
}

/// Waits for the output of a task. Made by [`spawn`](crate::spawn).
#[must_use = "the task runs on without its handle, and its output is lost"]
pub struct JoinHandle<T> {
    pub(crate) id: u64,
    pub(crate) output: Rc<Cell<Option<T>>>,
}

impl<T> Future for JoinHandle<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        if let Some(output) = self.output.take() {
            return Poll::Ready(output);
        }
        if let Some(spawned) = running().tasks.borrow_mut().get_mut(&self.id) {
            spawned.joiner = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}
