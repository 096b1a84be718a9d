// misconception: heap-pops-the-least

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;

struct Timer<T> {
    at: Duration,
    what: T,
}

impl<T> PartialEq for Timer<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<T> Eq for Timer<T> {}

impl<T> PartialOrd for Timer<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Timer<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

pub struct Timers<T> {
    heap: BinaryHeap<Timer<T>>,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
        }
    }
}

impl<T> Timers<T> {
    pub fn add(&mut self, at: Duration, what: T) {
        self.heap.push(Timer { at, what });
    }

    pub fn next(&self) -> Option<Duration> {
        self.heap.peek().map(|timer| timer.at)
    }

    pub fn due(&mut self, now: Duration) -> Vec<T> {
        let mut due = Vec::new();
        while self.next().is_some_and(|at| at <= now) {
            if let Some(timer) = self.heap.pop() {
                due.push(timer.what);
            }
        }
        due
    }
}
