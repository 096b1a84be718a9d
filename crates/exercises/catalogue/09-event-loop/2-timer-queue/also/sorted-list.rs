// A list that is kept sorted. Fine for few timers: adding one moves those behind it.

use std::time::Duration;

pub struct Timers<T> {
    list: Vec<(Duration, T)>,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { list: Vec::new() }
    }
}

impl<T> Timers<T> {
    pub fn add(&mut self, at: Duration, what: T) {
        let place = self.list.partition_point(|(other, _)| *other <= at);
        self.list.insert(place, (at, what));
    }

    pub fn next(&self) -> Option<Duration> {
        self.list.first().map(|(at, _)| *at)
    }

    pub fn due(&mut self, now: Duration) -> Vec<T> {
        let count = self.list.partition_point(|(at, _)| *at <= now);
        self.list.drain(..count).map(|(_, what)| what).collect()
    }
}
