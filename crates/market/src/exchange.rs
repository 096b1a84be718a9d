//! A simulated exchange: the same trades for the same seed, in Rust and in Python.
//!
//! It is made for what real feeds do wrong: trades come in another order than they happened in, and
//! one in a hundred comes after seconds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::random::SplitMix64;
use crate::trade::{Symbol, Trade, UNIT};

/// The moment at which it opens: 2026-01-05, 14:30 UTC. Not the present, or no run would be the same
/// as another one.
pub const START: i64 = 1_767_623_400_000;

/// What is traded, and its first price.
pub const OPENING: [(&str, i64); 6] = [
    ("ACME", 101_2500),
    ("BOLT", 48_2000),
    ("CRUX", 250_4000),
    ("DUNE", 93_5000),
    ("EMBR", 176_0000),
    ("FLUX", 35_0000),
];

/// Trades in the order of their arrival.
#[derive(Debug)]
pub struct Exchange {
    random: SplitMix64,
    prices: Vec<(Symbol, i64)>,
    clock: i64,
    made: u64,
    most: Option<u64>,
    delivered: u64,
    on_the_way: BinaryHeap<Reverse<OnTheWay>>,
}

/// Ordered by arrival, then by the order in which they were made.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct OnTheWay {
    arrival: i64,
    made: u64,
    time: i64,
    symbol: Symbol,
    price: i64,
    volume: i64,
}

/// The symbols that are traded there.
pub fn symbols() -> impl Iterator<Item = Symbol> {
    let names = OPENING.iter().map(|(name, _)| name.as_bytes());
    names.filter_map(Symbol::new)
}

impl Exchange {
    /// Opens with this seed, and closes after `most` trades.
    #[must_use]
    pub fn new(seed: u64, most: Option<u64>) -> Self {
        let first = OPENING.iter().map(|(_, price)| *price);
        Self {
            random: SplitMix64::new(seed),
            prices: symbols().zip(first).collect(),
            clock: START,
            made: 0,
            most,
            delivered: 0,
            on_the_way: BinaryHeap::new(),
        }
    }

    /// Somebody trades. The random numbers are drawn in this order, and in this order in Python.
    fn make(&mut self) {
        let random = &mut self.random;
        let mut below = |n| i64::from(random.below(n));
        self.clock += below(100);
        let index = below(6);
        let (symbol, price) = &mut self.prices[usize::try_from(index).unwrap_or_default()];
        let is_up = below(2) == 1;
        move_price(price, is_up, *price * below(11) / 20_000);
        if below(2000) == 0 {
            // News.
            let is_up = below(2) == 1;
            move_price(price, is_up, *price * (10 + below(21)) / 1000);
        }
        let mut volume = (1 + below(100)) * UNIT;
        if below(400) == 0 {
            volume *= 50;
        }
        let delay = match below(1000) {
            ..900 => below(300),
            900..990 => 300 + below(1500),
            _ => 1800 + below(6000),
        };
        self.on_the_way.push(Reverse(OnTheWay {
            arrival: self.clock + delay,
            made: self.made,
            time: self.clock,
            symbol: *symbol,
            price: *price,
            volume,
        }));
        self.made += 1;
    }

    /// Whether it is certain which trade arrives next: no later one can overtake it.
    fn is_certain(&self) -> bool {
        let next = self.on_the_way.peek();
        next.is_some_and(|Reverse(next)| next.arrival < self.clock)
    }
}

/// By whole cents. To round the price itself would pull it down for ever.
fn move_price(price: &mut i64, is_up: bool, by: i64) {
    let by = by - by % 100;
    *price = if is_up {
        *price + by
    } else {
        (*price - by).max(100)
    };
}

impl Iterator for Exchange {
    type Item = Trade;

    fn next(&mut self) -> Option<Trade> {
        while Some(self.made) != self.most && !self.is_certain() {
            self.make();
        }
        let Reverse(next) = self.on_the_way.pop()?;
        let number = self.delivered;
        self.delivered += 1;
        Some(Trade {
            number,
            time: next.time,
            arrival: next.arrival,
            symbol: next.symbol,
            price: next.price,
            volume: next.volume,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_order_of_arrival_and_not_of_time() {
        let trades: Vec<Trade> = Exchange::new(7, Some(10_000)).collect();
        assert_eq!(trades.len(), 10_000);
        assert!(trades.is_sorted_by_key(|trade| trade.arrival));
        assert!(!trades.is_sorted_by_key(|trade| trade.time));
        assert!(
            trades
                .iter()
                .all(|trade| trade.arrival >= trade.time && trade.price >= 100)
        );
        assert!(trades.iter().map(|trade| trade.number).eq(0..10_000));
    }

    #[test]
    fn a_longer_day_begins_as_a_shorter_one_where_nothing_can_overtake() {
        let short: Vec<Trade> = Exchange::new(7, Some(1_000)).collect();
        let long: Vec<Trade> = Exchange::new(7, None).take(900).collect();
        assert_eq!(short[..800], long[..800]);
        assert_ne!(short[0], Exchange::new(8, None).next().unwrap());
    }

    #[test]
    fn an_empty_day() {
        assert_eq!(Exchange::new(7, Some(0)).next(), None);
    }
}
