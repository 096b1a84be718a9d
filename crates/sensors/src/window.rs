//! The last minute of what a device measures, in constant memory.

use std::time::Duration;

use serde::Serialize;

/// How many parts the last minute has: see [`KindStatus::means`](crate::KindStatus::means).
pub const BUCKETS: usize = 12;
/// How long each part is, in seconds.
const WIDTH: u64 = 5;

/// What a number of values have come to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How many there are; at least one.
    pub count: u32,
    /// The least.
    pub min: f64,
    /// Their mean.
    pub mean: f64,
    /// The greatest.
    pub max: f64,
}

impl Summary {
    fn of(value: f64) -> Self {
        Self {
            count: 1,
            min: value,
            mean: value,
            max: value,
        }
    }

    /// Both together.
    ///
    /// Means instead of sums: two values of 1e308 are allowed, and their sum is infinite.
    fn and(self, other: Self) -> Self {
        let count = self.count.saturating_add(other.count);
        let share = |part: Self| part.mean * (f64::from(part.count) / f64::from(count));
        let (min, max) = (self.min.min(other.min), self.max.max(other.max));
        Self {
            count,
            min,
            // Rounding can put the mean of equal values beside them.
            mean: (share(self) + share(other)).clamp(min, max),
            max,
        }
    }
}

/// Summaries of the last twelve times five seconds, whatever came. A list of the values themselves
/// would grow with how fast a device sends.
///
/// The moments are those at which values arrive: the clocks of devices can be wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    /// The part that began at second `WIDTH * n` stands at `n % BUCKETS`, with its `n`.
    buckets: [Option<(u64, Summary)>; BUCKETS],
}

impl Window {
    /// Adds a value that has arrived now. Moments are given since some fixed beginning, and never
    /// go back.
    pub(crate) fn add(&mut self, now: Duration, value: f64) {
        let part = part_at(now);
        let bucket = &mut self.buckets[place(part)];
        let value = Summary::of(value);
        *bucket = match *bucket {
            Some((same, summary)) if same == part => Some((part, summary.and(value))),
            _ => Some((part, value)),
        };
    }

    /// The mean of each part, the oldest first. The last part is not over yet.
    #[must_use]
    pub(crate) fn means(&self, now: Duration) -> [Option<f64>; BUCKETS] {
        let mut means = [None; BUCKETS];
        for (mean, summary) in means.iter_mut().zip(self.parts(now)) {
            *mean = summary.map(|summary| summary.mean);
        }
        means
    }

    /// Everything of the last 55 to 60 seconds.
    #[must_use]
    pub(crate) fn summary(&self, now: Duration) -> Option<Summary> {
        self.parts(now).flatten().reduce(Summary::and)
    }

    fn parts(&self, now: Duration) -> impl Iterator<Item = Option<Summary>> {
        let last = part_at(now);
        (0..BUCKETS as u64).rev().map(move |ago| {
            let part = last.checked_sub(ago)?;
            let (stored, summary) = self.buckets[place(part)]?;
            (stored == part).then_some(summary)
        })
    }
}

fn part_at(now: Duration) -> u64 {
    now.as_secs() / WIDTH
}

fn place(part: u64) -> usize {
    // Less than twelve.
    usize::try_from(part % BUCKETS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn it_sums_up_the_last_minute_and_forgets_the_rest() {
        let mut window = Window::default();
        assert_eq!(window.summary(at(0.0)), None);
        window.add(at(1.0), 10.0);
        window.add(at(4.9), 20.0);
        window.add(at(7.0), 60.0);
        let all = Summary {
            count: 3,
            min: 10.0,
            mean: 30.0,
            max: 60.0,
        };
        assert_eq!(window.summary(at(7.0)), Some(all));
        let means = window.means(at(7.0));
        assert_eq!(means[..10], [None; 10]);
        assert_eq!(means[10..], [Some(15.0), Some(60.0)]);
        assert_eq!(window.summary(at(59.9)), Some(all));
        assert_eq!(window.summary(at(60.0)), Some(Summary::of(60.0)));
        assert_eq!(window.summary(at(65.0)), None);
    }

    #[test]
    fn a_part_is_used_again_after_a_minute() {
        let mut window = Window::default();
        window.add(at(2.0), 1.0);
        window.add(at(62.0), 5.0);
        assert_eq!(window.summary(at(62.0)), Some(Summary::of(5.0)));
    }

    #[test]
    fn the_largest_numbers_have_a_mean() {
        let mut window = Window::default();
        for _ in 0..1000 {
            window.add(at(1.0), f64::MAX);
        }
        let mean = window.summary(at(1.0)).map(|summary| summary.mean);
        assert_eq!(mean, Some(f64::MAX));
        for _ in 0..1000 {
            window.add(at(9.0), f64::MIN);
        }
        let mean = window.summary(at(9.0)).unwrap().mean;
        assert!(mean.is_finite() && mean.abs() < 1e300, "{mean}");
    }

    #[test]
    fn equal_values_have_this_mean() {
        let mut window = Window::default();
        for second in 0..600 {
            window.add(Duration::from_millis(second * 100), 0.1);
            let summary = window.summary(Duration::from_millis(second * 100));
            assert_eq!(summary.map(|summary| summary.mean), Some(0.1));
        }
    }
}
