//! Numbers that can be added up: of a chunk, and of the whole input.

use std::collections::HashMap;

/// How many records, and how many bytes their answers had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) records: u64,
    /// 128 bits: no input is long enough to make this overflow.
    pub(crate) bytes: u128,
}

impl Count {
    pub(crate) fn add(&mut self, other: Self) {
        self.records += other.records;
        self.bytes += other.bytes;
    }
}

/// Counts by name, within one chunk: that is what bounds their number.
#[derive(Debug, Default)]
pub(crate) struct ByName(HashMap<Box<str>, (u64, Count)>);

impl ByName {
    pub(crate) fn add(&mut self, name: &str, bytes: u64) {
        let count = Count {
            records: 1,
            bytes: bytes.into(),
        };
        // Not `entry`: that needs a name of its own for each record, not for each new name.
        if let Some((_, all)) = self.0.get_mut(name) {
            all.add(count);
        } else {
            let place = self.0.len() as u64;
            self.0.insert(name.into(), (place, count));
        }
    }

    /// The names in the order in which they first came. A hash map has another order in each run,
    /// and what depends on it would be another report in each run.
    pub(crate) fn in_order(self) -> Vec<(Box<str>, Count)> {
        let mut names: Vec<_> = self.0.into_iter().collect();
        names.sort_unstable_by_key(|(_, (place, _))| *place);
        names.into_iter().map(|(n, (_, c))| (n, c)).collect()
    }
}

/// Counts by name, for an input of any length: with a limit to the memory.
///
/// A name that comes when the table is full is counted with the others that came too late. Every
/// count in the table is exact.
#[derive(Debug)]
pub(crate) struct Table {
    names: HashMap<Box<str>, Count>,
    /// How many bytes of names there is still room for.
    room: usize,
    /// What had no room.
    pub(crate) rest: Count,
}

/// What a name costs beside its bytes, about.
const OVERHEAD: usize = 128;

impl Table {
    /// A table that takes at most about `room` bytes.
    pub(crate) fn new(room: usize) -> Self {
        Self {
            names: HashMap::new(),
            room,
            rest: Count::default(),
        }
    }

    pub(crate) fn add(&mut self, name: Box<str>, count: Count) {
        if let Some(all) = self.names.get_mut(&name) {
            all.add(count);
            return;
        }
        match self.room.checked_sub(name.len() + OVERHEAD) {
            Some(room) => {
                self.room = room;
                self.names.insert(name, count);
            }
            None => self.rest.add(count),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The names with the most records. Of equals, the first in the alphabet.
    pub(crate) fn top(&self, n: usize) -> Vec<(&str, Count)> {
        let mut names: Vec<_> = self.names.iter().map(|(n, c)| (&**n, *c)).collect();
        names.sort_unstable_by(|(a, x), (b, y)| y.records.cmp(&x.records).then(a.cmp(b)));
        names.truncate(n);
        names
    }
}

/// How many durations there were of about each length, in memory that does not grow.
///
/// Durations below 64 µs have a bucket each. From there on each doubling is divided into 32
/// buckets, so that what is read off is at most a 32nd (about 3 %) too long.
#[derive(Clone, Debug)]
pub(crate) struct Histogram(Vec<u64>);

impl Default for Histogram {
    fn default() -> Self {
        Self(vec![0; bucket(LONGEST) + 1])
    }
}

/// The longest duration that is counted as it is, in microseconds: 13 days.
const LONGEST: u64 = 1 << 40;

impl Histogram {
    /// Counts a duration in microseconds.
    pub(crate) fn add(&mut self, micros: u64) {
        self.0[bucket(micros.min(LONGEST))] += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (all, more) in self.0.iter_mut().zip(&other.0) {
            *all += more;
        }
    }

    /// The time, in microseconds, within which this share of the answers was there; the share in
    /// thousandths. `None` without answers.
    pub(crate) fn quantile(&self, thousandths: u64) -> Option<u64> {
        let all: u64 = self.0.iter().sum();
        let wanted = (all.saturating_mul(thousandths)).div_ceil(1000).max(1);
        let mut counted = 0;
        let reached = self.0.iter().position(|count| {
            counted += count;
            counted >= wanted
        });
        reached.map(longest_in)
    }
}

/// The bucket of a duration: its six highest bits, and how far they are shifted.
fn bucket(micros: u64) -> usize {
    let shift = (u64::BITS - micros.leading_zeros()).saturating_sub(6);
    let bits = usize::try_from(micros >> shift).unwrap_or(usize::MAX); // less than 64
    bits + 32 * shift as usize
}

/// The longest duration that falls into a bucket.
fn longest_in(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    match (bucket / 32).checked_sub(1) {
        Some(shift) => ((bucket % 32 + 33) << shift) - 1,
        None => bucket,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(bytes: u128) -> Count {
        Count { records: 1, bytes }
    }

    #[test]
    fn what_is_read_off_the_histogram_is_at_most_a_32nd_too_long() {
        for exponent in 0..=40 {
            for offset in [0, 1, 77, 12_345] {
                let micros = ((1 << exponent) + offset).min(LONGEST);
                let longest = longest_in(bucket(micros));
                assert!(micros <= longest, "{micros}");
                assert!(longest - micros <= micros / 32, "{micros}: {longest}");
                // No gap, and no overlap.
                assert_eq!(bucket(longest) + 1, bucket(longest + 1), "{micros}");
            }
        }
    }

    #[test]
    fn quantiles_count_answers() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(500), None);
        for micros in 1..=50 {
            histogram.add(micros);
        }
        let mut other = Histogram::default();
        other.add(u64::MAX);
        histogram.merge(&other);
        let read = |share| histogram.quantile(share).unwrap();
        assert_eq!((read(0), read(500), read(980)), (1, 26, 50));
        assert!(read(1000) >= LONGEST);
    }

    #[test]
    fn names_keep_the_order_in_which_they_came() {
        let mut names = ByName::default();
        for (name, bytes) in [("b", 1), ("a", 2), ("b", 3), ("c", 4)] {
            names.add(name, bytes);
        }
        let order = names.in_order();
        let order: Vec<_> = order.iter().map(|(n, c)| (&**n, c.bytes)).collect();
        assert_eq!(order, [("b", 4), ("a", 2), ("c", 4)]);
    }

    #[test]
    fn a_full_table_counts_what_it_has_and_sums_up_the_rest() {
        let mut table = Table::new(2 * OVERHEAD + 3);
        for (name, bytes) in [("a", 1), ("long", 2), ("b", 3), ("c", 4), ("b", 5)] {
            table.add(name.into(), one(bytes));
        }
        assert_eq!(table.len(), 2);
        assert_eq!(
            table.rest,
            Count {
                records: 2,
                bytes: 6
            }
        );
        let top = table.top(9);
        assert_eq!(
            top[0],
            (
                "b",
                Count {
                    records: 2,
                    bytes: 8
                }
            )
        );
        assert_eq!(top[1], ("a", one(1)));
        assert_eq!(table.top(1).len(), 1);
    }
}
