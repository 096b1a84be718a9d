//! Brings each trade when it is due: in real time, faster, or as fast as possible.
//!
//! This is the only place with a clock. Whoever gets the trades cannot tell how fast they came.

use std::io;
use std::str::FromStr;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

use crate::exchange::Exchange;
use crate::replay::{Bad, Replay};
use crate::trade::Trade;

/// How many trades come together at most. Who is behind gets them in such portions, so that it takes
/// its lock once for all of them, and others have their turn in between.
const PORTION: usize = 512;

/// Where trades come from.
#[derive(Debug)]
pub enum Source {
    /// They are made up.
    Exchange(Box<Exchange>),
    /// They are read from a file.
    Replay(Box<Replay>),
}

impl Source {
    /// The next trade; `None` when there are no more.
    ///
    /// # Errors
    ///
    /// If a file cannot be read any further.
    pub async fn next(&mut self) -> io::Result<Option<Trade>> {
        match self {
            Self::Exchange(exchange) => Ok(exchange.next()),
            Self::Replay(replay) => replay.next().await,
        }
    }

    /// The lines of the file that were no trades.
    #[must_use]
    pub fn bad(&self) -> Option<&Bad> {
        match self {
            Self::Exchange(_) => None,
            Self::Replay(replay) => Some(replay.bad()),
        }
    }
}

/// How many times faster than real time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times.
    Times(f64),
    /// As fast as possible.
    Max,
}

impl FromStr for Speed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let times = text.parse().ok();
        let times = times.filter(|times| (0.001..=1_000_000.0).contains(times));
        times
            .map(Self::Times)
            .ok_or("it takes max, or a number from 0.001 to 1000000")
    }
}

/// Trades, each when it is due.
#[derive(Debug)]
pub struct Feed {
    source: Source,
    speed: Speed,
    /// In milliseconds of the trades' time.
    head_start: i64,
    /// When the first trade was due, and its arrival.
    begin: Option<(Instant, i64)>,
    /// Taken from the source, and not yet due.
    next: Option<Trade>,
}

impl Feed {
    /// Brings what the source has at this speed.
    #[must_use]
    pub fn new(source: Source, speed: Speed) -> Self {
        Self {
            source,
            speed,
            head_start: 0,
            begin: None,
            next: None,
        }
    }

    /// Brings the first `milliseconds` at once.
    #[must_use]
    pub fn head_start(mut self, milliseconds: i64) -> Self {
        self.head_start = milliseconds;
        self
    }

    /// Where the trades come from.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Waits until a trade is due, and puts it into `portion`, which is emptied before, with those
    /// that are due as well. It stays empty when there are no more.
    ///
    /// Not cancel safe: dropped while it reads a file, it may lose a trade.
    ///
    /// # Errors
    ///
    /// If a file cannot be read any further. What was due before is in `portion`.
    pub async fn next(&mut self, portion: &mut Vec<Trade>) -> io::Result<()> {
        portion.clear();
        let mut has_waited = false;
        while portion.len() < PORTION {
            let next = match self.next.take() {
                Some(next) => next,
                None => match self.source.next().await? {
                    Some(next) => next,
                    None => break,
                },
            };
            let wait = self.wait_for(&next);
            if !wait.is_zero() {
                self.next = Some(next);
                if !portion.is_empty() {
                    break;
                }
                sleep(wait).await;
                has_waited = true;
                continue;
            }
            portion.push(next);
        }
        if !has_waited {
            // Nothing above has waited for anything: without this, a feed at full speed would keep
            // its thread for itself.
            yield_now().await;
        }
        Ok(())
    }

    /// How long until this trade is due.
    fn wait_for(&mut self, trade: &Trade) -> Duration {
        let Speed::Times(times) = self.speed else {
            return Duration::ZERO;
        };
        let (begin, first) = *self
            .begin
            .get_or_insert_with(|| (Instant::now(), trade.arrival));
        // What is due in the past, late trades of a file above all, is due now.
        let after = trade.arrival - first - self.head_start;
        let after = Duration::from_millis(u64::try_from(after).unwrap_or(0));
        let after = Duration::try_from_secs_f64(after.as_secs_f64() / times);
        after
            .unwrap_or(Duration::MAX)
            .saturating_sub(begin.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn took(speed: Speed, head_start: i64) -> Duration {
        let start = Instant::now();
        let exchange = Source::Exchange(Box::new(Exchange::new(7, Some(2000))));
        let mut feed = Feed::new(exchange, speed).head_start(head_start);
        let (mut portion, mut count) = (Vec::new(), 0);
        loop {
            feed.next(&mut portion).await.unwrap();
            count += portion.len();
            if portion.is_empty() {
                assert_eq!(count, 2000);
                return start.elapsed();
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn as_long_as_it_should() {
        let trades: Vec<Trade> = Exchange::new(7, Some(2000)).collect();
        let day = trades[1999].arrival - trades[0].arrival;
        let day = Duration::from_millis(day.try_into().unwrap());
        assert!(day > Duration::from_secs(90));
        assert_eq!(took(Speed::Times(1.0), 0).await, day);
        assert_eq!(took(Speed::Times(0.5), 0).await, day * 2);
        assert_eq!(
            took(Speed::Times(1.0), 60_000).await,
            day - Duration::from_mins(1)
        );
        // tokio's timer rounds up to milliseconds.
        let fast = took(Speed::Times(1000.0), 0).await;
        assert!(
            day / 1000 <= fast && fast < day / 1000 + Duration::from_millis(2),
            "{fast:?}"
        );
        assert_eq!(took(Speed::Max, 0).await, Duration::ZERO);
    }

    #[test]
    fn speeds() {
        assert_eq!("max".parse(), Ok(Speed::Max));
        assert_eq!("2.5".parse(), Ok(Speed::Times(2.5)));
        for wrong in ["", "0", "-1", "nan", "inf", "1e9", "0.0001", "fast"] {
            assert!(wrong.parse::<Speed>().is_err(), "{wrong}");
        }
    }
}
