//! Who runs next, and who runs now.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use crate::net::Reactor;
use crate::task::{JoinHandle, RunQueue, Task};
use crate::timer::{Clock, Timers};
use crate::trace::Trace;

/// An event loop. Its tasks live as long as it does.
pub struct EventLoop {
    core: Rc<Core>,
}

pub(crate) struct Core {
    run_queue: Arc<RunQueue>,
    /// What wakers have put into the run queue.
    woken: mpsc::Receiver<Arc<Task>>,
    /// Those of them whose turn it is.
    ready: RefCell<VecDeque<Arc<Task>>>,
    pub(crate) tasks: RefCell<HashMap<u64, Spawned>>,
    pub(crate) timers: Timers,
    pub(crate) reactor: Rc<RefCell<Reactor>>,
    pub(crate) trace: Trace,
    last_id: Cell<u64>,
}

pub(crate) struct Spawned {
    pub(crate) task: Arc<Task>,
    future: Pin<Box<dyn Future<Output = ()>>>,
    /// Who awaits its handle.
    pub(crate) joiner: Option<Waker>,
}

impl EventLoop {
    /// A loop without tasks.
    ///
    /// # Errors
    ///
    /// If the operating system has no selector left for it: too many files are open.
    pub fn new(clock: Clock) -> io::Result<Self> {
        let (reactor, alarm) = Reactor::new()?;
        let (sender, woken) = mpsc::channel();
        let run_queue = RunQueue {
            sender,
            thread: thread::current().id(),
            alarm,
        };
        let core = Core {
            run_queue: Arc::new(run_queue),
            woken,
            ready: RefCell::default(),
            tasks: RefCell::default(),
            timers: Timers::new(clock),
            reactor: Rc::new(RefCell::new(reactor)),
            trace: Trace::default(),
            last_id: Cell::default(),
        };
        Ok(Self {
            core: Rc::new(core),
        })
    }

    /// Runs `main`, and whatever it spawns, until `main` is done: `asyncio.run`. Tasks that are not
    /// done then stand still. The next `block_on` goes on with them; dropping the loop drops them.
    ///
    /// # Errors
    ///
    /// If this thread runs a loop already, if the selector fails, or if the loop would sleep
    /// forever: nobody is ready, no timer is set, no socket is open, and nobody outside of the loop
    /// has a waker.
    pub fn block_on<F>(&self, main: F) -> io::Result<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        let _entered = Entered::new(&self.core)?;
        let main = self.core.spawn("main".to_owned(), main);
        loop {
            if let Some(output) = main.output.take() {
                return Ok(output);
            }
            self.core.turn()?;
        }
    }

    /// The time since the loop was made.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.core.timers.now()
    }

    /// Prints from now on what the loop does: whom it polls, and until when it sleeps.
    pub fn trace(&self) {
        self.core.trace.on.set(true);
    }

    /// Calls `hook` with how far the virtual clock moves, each time: for clocks that follow it.
    pub fn on_jump(&self, hook: impl Fn(Duration) + 'static) {
        self.core.timers.on_jump.replace(Some(Box::new(hook)));
    }
}

impl Core {
    /// Once around: sleeps until somebody is ready, then polls each who is.
    fn turn(&self) -> io::Result<()> {
        let timeout = if self.count_ready() == 0 {
            self.trace.idle(self);
            self.check_that_somebody_may_wake_us()?;
            self.timers.until_next()
        } else {
            // A look at the sockets all the same: tasks that are always ready must not keep those
            // waiting that wait for a socket.
            Some(Duration::ZERO)
        };
        let by_sockets = self.timers.sleep(&self.reactor, timeout)?;
        let by_timers = self.timers.take_due();
        let woken = (by_sockets.len(), by_timers.len());
        by_sockets
            .into_iter()
            .chain(by_timers)
            .for_each(Waker::wake);

        // Whoever is woken from here on has the next turn.
        let ready = self.count_ready();
        self.trace.turn(self.timers.now(), woken, ready);
        for _ in 0..ready {
            let task = self.ready.borrow_mut().pop_front();
            if let Some(task) = task {
                self.poll(&task);
            }
        }
        Ok(())
    }

    /// How many tasks stand in the run queue.
    fn count_ready(&self) -> usize {
        let mut ready = self.ready.borrow_mut();
        ready.extend(self.woken.try_iter());
        ready.len()
    }

    fn poll(&self, task: &Arc<Task>) {
        // Before the poll: a wake in the middle of it must queue the task again. A swap, because
        // after a store alone we might not see what the waking thread has written.
        task.queued.swap(false, Ordering::AcqRel);
        // Taken out, for it may spawn others. Not there: it is done, and somebody woke it late.
        let Some(mut spawned) = self.tasks.borrow_mut().remove(&task.id) else {
            return;
        };
        let waker = Waker::from(Arc::clone(task));
        let polled = spawned
            .future
            .as_mut()
            .poll(&mut Context::from_waker(&waker));
        if polled.is_pending() {
            self.tasks.borrow_mut().insert(task.id, spawned);
        } else if let Some(joiner) = spawned.joiner {
            joiner.wake();
        }
        self.trace.polled(&task.name, polled.is_ready());
    }

    fn spawn<F>(&self, name: String, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        let output = Rc::new(Cell::new(None));
        let handle = JoinHandle {
            id: self.new_id(),
            output: Rc::clone(&output),
        };
        let task = Arc::new(Task {
            id: handle.id,
            name,
            queued: AtomicBool::new(false),
            run_queue: Arc::clone(&self.run_queue),
        });
        let spawned = Spawned {
            task: Arc::clone(&task),
            future: Box::pin(async move { output.set(Some(future.await)) }),
            joiner: None,
        };
        self.tasks.borrow_mut().insert(handle.id, spawned);
        // Not polled here: it comes into the queue as everybody else.
        Waker::from(task).wake();
        handle
    }

    /// A number that nothing else on this loop has.
    pub(crate) fn new_id(&self) -> u64 {
        self.last_id.set(self.last_id.get() + 1);
        self.last_id.get()
    }
}

/// Starts a task: `asyncio.create_task`. It is polled first in the next turn, and runs on when the
/// handle is dropped. `name` is for the trace.
///
/// # Panics
///
/// Outside of [`EventLoop::block_on`].
pub fn spawn<F>(name: impl Into<String>, future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: 'static> + 'static,
{
    running().spawn(name.into(), future)
}

thread_local! {
    /// `asyncio.get_running_loop()`.
    static RUNNING: RefCell<Option<Rc<Core>>> = const { RefCell::new(None) };
}

pub(crate) fn try_running() -> Option<Rc<Core>> {
    RUNNING.try_with(|running| running.borrow().clone()).ok()?
}

pub(crate) fn running() -> Rc<Core> {
    let Some(core) = try_running() else {
        panic!("there is no running event loop: this works inside of EventLoop::block_on only");
    };
    core
}

/// While it lives, its loop is the running one.
struct Entered;

impl Entered {
    fn new(core: &Rc<Core>) -> io::Result<Self> {
        if try_running().is_some() {
            return Err(io::Error::other("this thread runs an event loop already"));
        }
        RUNNING.set(Some(Rc::clone(core)));
        Ok(Self)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        RUNNING.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // From outside nobody has the waker of a task that was not polled yet.
    #[test]
    fn a_wake_before_the_first_poll_gives_no_second_turn() {
        let event_loop = EventLoop::new(Clock::Virtual).unwrap();
        let polls = Rc::new(Cell::new(0));
        let counts = Rc::clone(&polls);
        let count = std::future::poll_fn(move |_| {
            counts.set(counts.get() + 1);
            std::task::Poll::<()>::Pending
        });
        let handle = event_loop.core.spawn("counted".to_owned(), count);
        let task = Arc::clone(&event_loop.core.tasks.borrow()[&handle.id].task);
        Waker::from(Arc::clone(&task)).wake();
        Waker::from(task).wake();
        assert_eq!(event_loop.core.count_ready(), 1);
        event_loop.core.turn().unwrap();
        assert_eq!((polls.get(), event_loop.core.count_ready()), (1, 0));
    }
}
