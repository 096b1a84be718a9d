// misconception: a-map-holds-them-all

use std::collections::BTreeMap;
use std::time::Duration;

pub struct Timers<T> {
    map: BTreeMap<Duration, T>,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self {
            map: BTreeMap::new(),
        }
    }
}

impl<T> Timers<T> {
    pub fn add(&mut self, at: Duration, what: T) {
        self.map.insert(at, what);
    }

    pub fn next(&self) -> Option<Duration> {
        self.map.keys().next().copied()
    }

    pub fn due(&mut self, now: Duration) -> Vec<T> {
        let mut due = Vec::new();
        while let Some(first) = self.map.first_entry().filter(|first| *first.key() <= now) {
            due.push(first.remove());
        }
        due
    }
}
