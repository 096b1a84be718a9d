// The timers of a loop                              complete, chapter 09-event-loop
//
// A loop keeps its timers in a queue: `add` sets one, `next` says when the first is due, and `due`
// takes out all that are due at `now`, the earliest first. Timers of the same time come in the
// order in which they were added. None is lost.

use std::time::Duration;

pub struct Timers<T> {
    // Choose a collection, and replace this line.
    list: Vec<(Duration, T)>,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { list: Vec::new() }
    }
}

impl<T> Timers<T> {
    pub fn add(&mut self, at: Duration, what: T) {
        self.list.push((at, what));
        todo!("keep them so that the next one is found quickly")
    }

    pub fn next(&self) -> Option<Duration> {
        todo!("when is the first of {} timers due?", self.list.len())
    }

    pub fn due(&mut self, now: Duration) -> Vec<T> {
        todo!("take out what is due at {now:?}")
    }
}
