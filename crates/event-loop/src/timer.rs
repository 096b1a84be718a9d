//! The clock, the timers, and `sleep`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::executor::{running, try_running};
use crate::net::Reactor;
use crate::trace::note;

/// Where a loop has its time from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// From the machine.
    Real,
    /// It stands still while tasks run, and jumps to the next timer when all of them wait. As long
    /// as a socket is open it does not jump: nobody knows when bytes will come.
    Virtual,
}

/// Is told how far the virtual clock moves.
type Hook = Box<dyn Fn(Duration)>;

pub(crate) struct Timers {
    pub(crate) clock: Clock,
    start: Instant,
    virtual_now: Cell<Duration>,
    pub(crate) on_jump: RefCell<Option<Hook>>,
    /// By time, and for the same time in the order in which they were made.
    set: RefCell<BTreeMap<(Duration, u64), Waker>>,
}

impl Timers {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            start: Instant::now(),
            virtual_now: Cell::default(),
            on_jump: RefCell::default(),
            set: RefCell::default(),
        }
    }

    pub(crate) fn now(&self) -> Duration {
        match self.clock {
            Clock::Real => self.start.elapsed(),
            Clock::Virtual => self.virtual_now.get(),
        }
    }

    /// When the next timer is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.set.borrow().keys().next().map(|(at, _)| *at)
    }

    pub(crate) fn until_next(&self) -> Option<Duration> {
        Some(self.next()?.saturating_sub(self.now()))
    }

    /// The wakers of all timers that are due.
    pub(crate) fn take_due(&self) -> Vec<Waker> {
        let mut set = self.set.borrow_mut();
        let later = set.split_off(&(self.now(), u64::MAX));
        mem::replace(&mut *set, later).into_values().collect()
    }

    /// Sleeps until a socket is ready, another thread wakes somebody, or `timeout` is over.
    pub(crate) fn sleep(
        &self,
        reactor: &RefCell<Reactor>,
        timeout: Option<Duration>,
    ) -> io::Result<Vec<Waker>> {
        let mut reactor = reactor.borrow_mut();
        if self.clock == Clock::Real {
            return reactor.select(timeout);
        }
        // If only a timer can end the sleep, nobody will notice that it is left out.
        let skip = timeout.filter(|_| reactor.sockets.is_empty());
        let start = Instant::now();
        let woken = reactor.select(skip.map_or(timeout, |_| Some(Duration::ZERO)))?;
        let slept = skip.unwrap_or_else(|| start.elapsed());
        self.virtual_now.set(self.now() + slept);
        if let Some(hook) = &*self.on_jump.borrow() {
            hook(slept);
        }
        Ok(woken)
    }
}

/// Waits until `duration` from now: `asyncio.sleep`.
///
/// # Panics
///
/// Outside of [`EventLoop::block_on`](crate::EventLoop::block_on).
pub fn sleep(duration: Duration) -> Sleep {
    let core = running();
    Sleep {
        timer: (core.timers.now().saturating_add(duration), core.new_id()),
    }
}

/// Waits for a moment. Made by [`sleep`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Sleep {
    timer: (Duration, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let timers = &running().timers;
        let (at, _) = self.timer;
        if timers.now() >= at {
            return Poll::Ready(());
        }
        // In place of the waker that an earlier poll has left: the last one counts.
        let waker = cx.waker().clone();
        if timers.set.borrow_mut().insert(self.timer, waker).is_none() {
            note(format_args!("timer at {:.1} s", at.as_secs_f64()));
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    /// Nobody waits any more, so there is nobody to wake.
    fn drop(&mut self) {
        if let Some(core) = try_running() {
            core.timers.set.borrow_mut().remove(&self.timer);
        }
    }
}

/// The time since the running loop was made: `loop.time()`.
///
/// # Panics
///
/// Outside of [`EventLoop::block_on`](crate::EventLoop::block_on).
#[must_use]
pub fn now() -> Duration {
    running().timers.now()
}
