//! The part that computes: a chunk of lines becomes a handful of numbers.

use crate::chunks::{Chunk, Shape};
use crate::record::{Bad, parse};
use crate::tally::{ByName, Count, Histogram};

/// What is known of a chunk when all its lines were parsed.
///
/// A batch knows its lines by their number in the chunk. How many lines there were before it is
/// known to whoever takes the batches in order.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) input: usize,
    pub(crate) shape: Shape,
    /// The chunk, for who wants to see the bad lines, and to be filled again.
    pub(crate) bytes: Vec<u8>,
    pub(crate) numbers: Numbers,
    pub(crate) clients: Vec<(Box<str>, Count)>,
    pub(crate) pages: Vec<(Box<str>, Count)>,
    /// One for each line, if any of them is bad: what is wrong with it, or 0. A list of the bad
    /// lines would take sixteen times the memory of the chunk if all its lines are empty.
    pub(crate) verdicts: Vec<u8>,
}

/// What can be added up without more ado.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) lines: u64,
    pub(crate) good: Count,
    /// How many lines of each kind of [`Bad`], and the number of the first, counted from 1.
    pub(crate) bad: [(u64, u64); Bad::ALL.len()],
    pub(crate) carriage_returns: u64,
    pub(crate) byte_order_marks: u64,
    /// By the first digit, from 1xx to 5xx.
    pub(crate) statuses: [u64; 5],
    pub(crate) latency: Histogram,
    pub(crate) slowest: u64,
}

/// The lines of a chunk, without their line feeds.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(line)
    })
}

impl Batch {
    /// Parses all lines of a chunk. A thread is busy with that for milliseconds, so it must not be
    /// one that has tasks to poll.
    pub(crate) fn of(chunk: Chunk) -> Self {
        let (mut clients, mut pages) = (ByName::default(), ByName::default());
        let mut numbers = Numbers::default();
        let mut verdicts = Vec::new();
        match chunk.shape {
            // Counted where it begins. Its other parts are no lines.
            Shape::Part { first, .. } => {
                if first {
                    numbers.lines = 1;
                    numbers.note_bad(Bad::TooLong);
                }
            }
            Shape::Lines => {
                let cut_off = chunk.bytes.last() != Some(&b'\n');
                let mut rest = lines(&chunk.bytes).peekable();
                while let Some(line) = rest.next() {
                    numbers.lines += 1;
                    match parse(line) {
                        Ok((record, odd)) => {
                            numbers.carriage_returns += u64::from(odd.carriage_return);
                            numbers.byte_order_marks += u64::from(odd.byte_order_mark);
                            numbers.note_good(record.status, record.bytes, record.micros);
                            clients.add(&record.client, record.bytes);
                            pages.add(record.page(), record.bytes);
                            if !verdicts.is_empty() {
                                verdicts.push(0);
                            }
                        }
                        Err(bad) => {
                            let is_last = cut_off && rest.peek().is_none();
                            let bad = match bad {
                                Bad::NotUtf8 | Bad::NotJson if is_last => Bad::CutOff,
                                bad => bad,
                            };
                            numbers.note_bad(bad);
                            let before = usize::try_from(numbers.lines - 1).unwrap_or_default();
                            verdicts.resize(before, 0);
                            verdicts.push(bad as u8 + 1);
                        }
                    }
                }
            }
        }
        Self {
            input: chunk.input,
            shape: chunk.shape,
            bytes: chunk.bytes,
            numbers,
            clients: clients.in_order(),
            pages: pages.in_order(),
            verdicts,
        }
    }

    /// The bad lines: the number of each in the chunk, counted from 1, and what is wrong with it.
    pub(crate) fn bad_lines(&self) -> impl Iterator<Item = (u64, Bad, &[u8])> {
        let lines = (1..).zip(lines(&self.bytes)).zip(&self.verdicts);
        lines.filter_map(|((number, line), verdict)| {
            let bad = Bad::ALL.get(usize::from(*verdict).checked_sub(1)?)?;
            Some((number, *bad, line))
        })
    }
}

impl Numbers {
    fn note_good(&mut self, status: u16, bytes: u64, micros: u64) {
        self.good.records += 1;
        self.good.bytes += u128::from(bytes);
        if let Some(class) = self.statuses.get_mut(usize::from(status / 100) - 1) {
            *class += 1;
        }
        self.latency.add(micros);
        self.slowest = self.slowest.max(micros);
    }

    fn note_bad(&mut self, bad: Bad) {
        let (count, first) = &mut self.bad[bad as usize];
        if *count == 0 {
            *first = self.lines;
        }
        *count += 1;
    }

    pub(crate) fn bad_lines(&self) -> u64 {
        self.bad.iter().map(|(count, _)| count).sum()
    }
}
