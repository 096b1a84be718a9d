// The number makes each key the only one, and among equal times it is the order of adding.

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

pub struct Timers<T> {
    map: BTreeMap<(Duration, u64), T>,
    added: u64,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self {
            map: BTreeMap::new(),
            added: 0,
        }
    }
}

impl<T> Timers<T> {
    pub fn add(&mut self, at: Duration, what: T) {
        self.map.insert((at, self.added), what);
        self.added += 1;
    }

    pub fn next(&self) -> Option<Duration> {
        self.map.keys().next().map(|(at, _)| *at)
    }

    pub fn due(&mut self, now: Duration) -> Vec<T> {
        let later = self.map.split_off(&(now, u64::MAX));
        mem::replace(&mut self.map, later).into_values().collect()
    }
}
