//! A detector for a loop that would sleep forever.

use std::io;
use std::sync::Arc;
use std::task::Waker;

use crate::executor::Core;

impl Core {
    /// An error if the loop is about to fall asleep and nobody is left to end its sleep.
    pub(crate) fn check_that_somebody_may_wake_us(&self) -> io::Result<()> {
        let socket = !self.reactor.borrow().sockets.is_empty();
        if socket || self.timers.next().is_some() || self.others_have_a_waker() {
            return Ok(());
        }
        let tasks = self.tasks.borrow();
        let mut waiting: Vec<_> = tasks.values().map(|spawned| &spawned.task).collect();
        waiting.sort_by_key(|task| task.id);
        let names: Vec<&str> = waiting.iter().map(|task| task.name.as_str()).collect();
        Err(io::Error::other(format!(
            "stuck: no timer is set, no socket is open, and nobody can wake {}",
            names.join(", ")
        )))
    }

    /// Whether there are wakers beside those that tasks have left with the tasks they wait for. If
    /// so, another thread may have one. (It may also be that a task holds its own; that we do not
    /// see.)
    fn others_have_a_waker(&self) -> bool {
        let tasks = self.tasks.borrow();
        let joiners: Vec<&Waker> = tasks.values().filter_map(|s| s.joiner.as_ref()).collect();
        tasks.values().map(|spawned| &spawned.task).any(|task| {
            let wakes_it = |waker: &&&Waker| waker.data() == Arc::as_ptr(task).cast();
            Arc::strong_count(task) > 1 + joiners.iter().filter(wakes_it).count()
        })
    }
}
