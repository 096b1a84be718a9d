//! What somebody would want to be woken for.
//!
//! Alerts are made of closed bars only. A bar that is still open may get trades that arrive late,
//! and an alert that was told cannot be taken back.

use std::collections::VecDeque;

use serde::Serialize;

use crate::bar::Bar;
use crate::trade::{Symbol, divide, price, volume};

/// A price that has moved by so many percent …
const MOVE: i64 = 2;
/// … within so many milliseconds, or within one bar where that is longer.
const MOVE_WINDOW: i64 = 60_000;
/// A volume that is so many times the average of the last [`LONG`] bars.
const SPIKE: i128 = 4;

/// How many bars the two averages are of.
pub(crate) const SHORT: usize = 5;
/// See [`SHORT`].
pub(crate) const LONG: usize = 20;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The price moved fast.
    Move,
    /// The short average crossed the long one.
    Cross,
    /// Far more was traded than before.
    Volume,
}

/// Where the price went meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Upwards, or nowhere.
    Up,
    /// Downwards.
    Down,
}

/// An alert. Each is told once: what lasts is no news.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// The number of this alert, counted from 1.
    pub id: u64,
    /// The end of the bar that gave rise to it, in milliseconds since 1970.
    #[serde(rename = "t")]
    pub time: i64,
    /// Of what.
    pub symbol: Symbol,
    /// What happened.
    pub kind: Kind,
    /// Where the price went.
    pub direction: Direction,
    /// The same for people, without the symbol.
    pub text: String,
    /// The version of the market that made it.
    #[serde(skip)]
    pub version: u64,
}

/// What is remembered of a symbol so that nothing is told twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watch {
    is_moving: bool,
    is_spiking: bool,
    /// Where the short average was last seen. Unknown until both averages exist and differ.
    side: Option<Direction>,
}

/// An alert without its place in the list of all.
pub(crate) type Found = (Kind, Direction, String);

impl Watch {
    /// Looks at the closed bars, of which the last one is new and `length` milliseconds long.
    pub(crate) fn look(
        &mut self,
        bars: &VecDeque<Bar>,
        length: i64,
    ) -> impl Iterator<Item = Found> {
        let found = bars.back().map(|bar| {
            [
                self.look_for_move(bars, bar, length),
                self.look_for_crossing(bars),
                self.look_for_spike(bars, bar),
            ]
        });
        found.into_iter().flatten().flatten()
    }

    fn look_for_move(&mut self, bars: &VecDeque<Bar>, bar: &Bar, length: i64) -> Option<Found> {
        let window = MOVE_WINDOW.max(length);
        let from = bar.start + length - window;
        let oldest = bars.iter().find(|each| each.start >= from).unwrap_or(bar);
        let by = bar.close - oldest.open;
        let percent = i128::from(by.abs()) * 100;
        let most = i128::from(MOVE) * i128::from(oldest.open);
        // It is over at half of that only, or a price that lingers at the limit would be told over
        // and over.
        let was_moving = self.is_moving;
        self.is_moving = percent * if was_moving { 2 } else { 1 } >= most;
        if was_moving || !self.is_moving {
            return None;
        }
        let (verb, direction) = if by > 0 {
            ("rose", Direction::Up)
        } else {
            ("fell", Direction::Down)
        };
        let hundredths = divide(percent * 100, i128::from(oldest.open));
        let text = format!(
            "{verb} {}.{:02} % in {} s, to {}",
            hundredths / 100,
            hundredths % 100,
            // It writes 1/10000, without zeros that say nothing.
            volume(i128::from(window) * 10),
            price(bar.close)
        );
        Some((Kind::Move, direction, text))
    }

    fn look_for_crossing(&mut self, bars: &VecDeque<Bar>) -> Option<Found> {
        // Not the rounded averages: they are equal more often than the true ones.
        let short = sum_of_closes(bars, SHORT)? * (LONG / SHORT) as i128;
        let long = sum_of_closes(bars, LONG)?;
        let (side, word) = match short.cmp(&long) {
            std::cmp::Ordering::Greater => (Direction::Up, "above"),
            std::cmp::Ordering::Less => (Direction::Down, "below"),
            std::cmp::Ordering::Equal => return None,
        };
        let before = self.side.replace(side);
        let has_crossed = before.is_some_and(|before| before != side);
        has_crossed.then(|| {
            let text = format!("average of {SHORT} bars went {word} that of {LONG}");
            (Kind::Cross, side, text)
        })
    }

    fn look_for_spike(&mut self, bars: &VecDeque<Bar>, bar: &Bar) -> Option<Found> {
        // Those before this one.
        let before = bars.iter().rev().skip(1).take(LONG);
        if before.len() < LONG {
            return None;
        }
        let sum: i128 = before.map(|each| each.volume).sum();
        let was_spiking = self.is_spiking;
        self.is_spiking = bar.volume * LONG as i128 >= SPIKE * sum;
        if was_spiking || !self.is_spiking {
            return None;
        }
        let tenths = divide(bar.volume * LONG as i128 * 10, sum);
        let direction = if bar.close >= bar.open {
            Direction::Up
        } else {
            Direction::Down
        };
        let text = format!(
            "volume {}, {}.{} times its average",
            volume(bar.volume),
            tenths / 10,
            tenths % 10
        );
        Some((Kind::Volume, direction, text))
    }
}

/// The sum of the last `n` closing prices, if there are so many.
pub(crate) fn sum_of_closes(bars: &VecDeque<Bar>, n: usize) -> Option<i128> {
    let last = bars.iter().rev().take(n);
    (last.len() == n).then(|| last.map(|bar| i128::from(bar.close)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trade::Trade;

    fn trade(time: i64, price: i64, volume: i64) -> Trade {
        Trade {
            number: 0,
            time,
            arrival: time,
            symbol: Symbol::new(b"A").unwrap(),
            price,
            volume: volume * crate::UNIT,
        }
    }

    /// One bar a second, of one trade each. What is told of each, if anything.
    fn told(trades: impl IntoIterator<Item = (i64, i64)>) -> Vec<(usize, String)> {
        let mut watch = Watch::default();
        let mut bars = VecDeque::new();
        let mut told = Vec::new();
        for (at, (price, volume)) in trades.into_iter().enumerate() {
            let time = 1000 * i64::try_from(at).unwrap();
            bars.push_back(Bar::new(time, &trade(time, price, volume)));
            let found = watch.look(&bars, 1000);
            told.extend(found.map(|(_, _, text)| (at, text)));
        }
        told
    }

    #[test]
    fn a_move_is_told_once_until_it_is_over() {
        // From 100: above 2 %, a little below, above again, below 1 %, and above.
        let prices = [
            10_000, 10_199, 10_200, 10_190, 10_210, 10_101, 10_099, 10_300,
        ];
        let told = told(prices.map(|price| (price, 1)));
        let expected = [
            (2, "rose 2.00 % in 60 s, to 1.0200".to_owned()),
            (7, "rose 3.00 % in 60 s, to 1.0300".to_owned()),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn what_takes_longer_than_the_window_is_no_move() {
        let slow = (0..200).map(|at| (10_000 - at * 3, 1));
        let moves = told(slow.clone()).len();
        assert_eq!(moves, 0, "by 6 % in 200 s, but by 1.8 % in 60 s");
        let upwards = slow.map(|(price, volume)| (20_000 - price, volume));
        assert_eq!(told(upwards).len(), 0);
        let fall = told((0..100).map(|at| (10_000 - at * 4, 1)));
        assert_eq!(fall, [(50, "fell 2.00 % in 60 s, to 0.9800".to_owned())]);
    }

    #[test]
    fn within_a_bar_that_is_longer_than_the_window() {
        let mut bar = Bar::new(0, &trade(0, 10_000, 1));
        bar.add(&trade(70_000, 10_300, 1));
        let bars = VecDeque::from([bar]);
        let mut watch = Watch::default();
        let (_, _, text) = watch.look(&bars, 90_500).next().unwrap();
        assert_eq!(text, "rose 3.00 % in 90.5 s, to 1.0300");
    }

    #[test]
    fn averages_cross() {
        // Flat, up for long, and down. Of the 5 bars up to number 68 the average is 10024.0, of the 20
        // it is 10024.9; one bar earlier it was 10025.0 and 10024.7.
        let prices = (0..30).map(|_| 10_000);
        let prices = prices.chain((0..30).map(|at| 10_000 + at));
        let prices = prices.chain((0..30).map(|at| 10_030 - at));
        let told = told(prices.map(|price| (price, 1)));
        // Nothing for the first side that is seen: nobody knows what was before.
        assert_eq!(
            told,
            [(68, "average of 5 bars went below that of 20".to_owned())]
        );
    }

    #[test]
    fn a_volume_is_compared_with_those_before() {
        let volumes =
            |special: usize| (0..40).map(move |at| (10_000, if at == special { 4 } else { 1 }));
        assert_eq!(
            told(volumes(20)),
            [(20, "volume 4, 4.0 times its average".to_owned())]
        );
        assert_eq!(told(volumes(19)), [], "there are not yet twenty");
        // What lasts is told once.
        let lasting = (0..40).map(|at| (10_000, if at < 20 { 1 } else { 100 }));
        assert_eq!(
            told(lasting),
            [(20, "volume 100, 100.0 times its average".to_owned())]
        );
    }
}
