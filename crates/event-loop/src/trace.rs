//! What the loop tells about itself, when it is asked to.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::time::Duration;

use crate::executor::{Core, try_running};
use crate::timer::Clock;

#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) on: Cell<bool>,
    turn: Cell<u64>,
    /// What happened in the poll that runs now.
    notes: RefCell<String>,
}

impl Trace {
    /// Nobody is ready.
    pub(crate) fn idle(&self, core: &Core) {
        if self.on.get() {
            let next_timer = core.timers.next();
            let sockets = core.reactor.borrow().sockets.len();
            let timer = next_timer.map_or_else(
                || "no timer".to_owned(),
                |at| format!("next timer at {:.1} s", at.as_secs_f64()),
            );
            let (sockets, end) = match (core.timers.clock, next_timer, sockets) {
                (Clock::Virtual, Some(_), 0) => (String::new(), "the clock jumps"),
                (_, _, 0) => (String::new(), "sleeping"),
                _ => (format!(", open sockets: {sockets}"), "sleeping"),
            };
            println!("loop:   nobody is ready, {timer}{sockets}: {end}");
        }
    }

    /// A turn begins, with so many `ready`, of whom sockets and timers have woken so many.
    pub(crate) fn turn(&self, now: Duration, (sockets, timers): (usize, usize), ready: usize) {
        self.turn.set(self.turn.get() + 1);
        self.notes.take();
        if self.on.get() {
            let turn = self.turn.get();
            let now = now.as_secs_f64();
            let due = |what, count| match count {
                0 => String::new(),
                _ => format!(", {what}: {count}"),
            };
            let sockets = due("sockets ready", sockets);
            let timers = due("timers due", timers);
            println!("loop: turn {turn} at {now:.1} s{sockets}{timers}, tasks ready: {ready}");
        }
    }

    /// A poll is over.
    pub(crate) fn polled(&self, name: &str, is_ready: bool) {
        let notes = self.notes.take();
        if self.on.get() {
            let answer = if is_ready { "ready" } else { "pending" };
            println!("loop:   polled {name}: {answer}{notes}");
        }
    }
}

/// Adds to the line about the poll that runs on this thread.
pub(crate) fn note(what: impl Display) {
    if let Some(core) = try_running()
        && core.trace.on.get()
    {
        let mut notes = core.trace.notes.borrow_mut();
        notes.push_str(&format!(", {what}"));
    }
}
