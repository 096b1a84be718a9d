//! A bar: all trades of one symbol within one window of time.

use crate::trade::{Trade, divide};

/// When a trade happened. Of two trades of one millisecond, the number decides.
pub type Moment = (i64, u64);

/// All trades of one symbol within one window of time.
///
/// Which of them opened and which closed it is a matter of when they happened, not of when they
/// arrived: in any order of arrival it is the same bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Its first millisecond.
    pub start: i64,
    first: Moment,
    last: Moment,
    /// The first price.
    pub open: i64,
    /// The highest price.
    pub high: i64,
    /// The lowest price.
    pub low: i64,
    /// The last price.
    pub close: i64,
    /// The sum of the volumes.
    pub volume: i128,
    /// The sum of price times volume, in 1/100000000.
    pub turnover: i128,
    /// How many trades.
    pub trades: u64,
    /// Whether it is final.
    pub is_closed: bool,
    /// The version of the market that last changed it.
    pub version: u64,
}

impl Bar {
    /// A bar of one trade.
    #[must_use]
    pub fn new(start: i64, trade: &Trade) -> Self {
        let moment = (trade.time, trade.number);
        let mut bar = Self {
            start,
            first: moment,
            last: moment,
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume: 0,
            turnover: 0,
            trades: 0,
            is_closed: false,
            version: 0,
        };
        bar.add(trade);
        bar
    }

    /// Adds a trade.
    pub fn add(&mut self, trade: &Trade) {
        let moment = (trade.time, trade.number);
        if moment < self.first {
            (self.first, self.open) = (moment, trade.price);
        }
        if moment > self.last {
            (self.last, self.close) = (moment, trade.price);
        }
        self.high = self.high.max(trade.price);
        self.low = self.low.min(trade.price);
        self.volume += i128::from(trade.volume);
        self.turnover += i128::from(trade.price) * i128::from(trade.volume);
        self.trades += 1;
    }

    /// The average price, in which a trade counts by its volume.
    #[must_use]
    pub fn vwap(&self) -> i64 {
        vwap(self.turnover, self.volume)
    }
}

/// `turnover` by `volume`, which is not 0.
pub(crate) fn vwap(turnover: i128, volume: i128) -> i64 {
    // No average is above the highest price, which was an `i64`.
    i64::try_from(divide(turnover, volume)).unwrap_or(i64::MAX)
}
