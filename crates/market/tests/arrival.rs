//! What trades become does not depend on the order in which they arrive, as long as none is late, nor
//! on the speed. And if some are late, none is lost.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::collections::{BTreeMap, BTreeSet};

use market::bar::Bar;
use market::exchange::Exchange;
use market::feed::{Feed, Source, Speed};
use market::market::Event;
use market::{Market, Options, Symbol, Trade, report};
use proptest::prelude::*;

const NAMES: [&[u8]; 3] = [b"A", b"B", b"C"];

/// Trades of a few seconds, and how late each arrives.
fn trades(most: usize) -> impl Strategy<Value = Vec<(Trade, i64)>> {
    // Few times and prices, so that many are equal.
    let trade = (0..60_i64, 0..3_usize, 1..30_i64, 1..5_i64, 0..=1000_i64);
    proptest::collection::vec(trade, 0..most).prop_map(|drawn| {
        let make = |(number, (time, name, price, volume, delay))| {
            let trade = Trade {
                number,
                time: time * 137,
                arrival: 0,
                symbol: Symbol::new(NAMES[name]).unwrap(),
                price,
                volume,
            };
            (trade, delay)
        };
        (0..).zip(drawn).map(make).collect()
    })
}

/// In the order of arrival, for delays of up to 1 in `delays` of the allowed lateness.
fn in_order_of_arrival(mut trades: Vec<(Trade, i64)>, lateness: i64) -> Vec<Trade> {
    trades.sort_by_key(|(trade, delay)| trade.time * 1000 + delay * lateness);
    trades.into_iter().map(|(trade, _)| trade).collect()
}

/// All that became final, without the versions, which count trades as they come.
fn told(options: Options, trades: &[Trade]) -> (Vec<String>, Market) {
    let mut market = Market::new(options);
    let mut told = Vec::new();
    let mut tell = |event: Event<'_>| {
        told.push(match event {
            Event::Closed(symbol, bar) => format!("{symbol} {:?}", versionless(bar)),
            Event::Alert(alert) => {
                let mut alert = alert.clone();
                alert.version = 0;
                format!("{alert:?}")
            }
        });
    };
    for trade in trades {
        market.add(trade, &mut tell);
    }
    market.finish(tell);
    (told, market)
}

fn versionless(bar: &Bar) -> Bar {
    let mut bar = bar.clone();
    bar.version = 0;
    bar
}

/// What is shown of a symbol at the end.
fn summary(market: &Market) -> Vec<String> {
    let numbers = market.symbols().map(|(symbol, tape)| {
        let averages = (tape.sma5, tape.sma20);
        let prices = (tape.last(), tape.change(), tape.vwap());
        format!("{symbol} {} {prices:?} {averages:?}", tape.trades)
    });
    numbers.collect()
}

/// The same, done once more as one would explain it: which trades are late, and which belong to a
/// window. No state is carried from one trade to the next but the latest time.
fn by_hand(options: Options, trades: &[Trade]) -> (usize, BTreeMap<(i64, Symbol), Vec<Trade>>) {
    let mut windows: BTreeMap<(i64, Symbol), Vec<Trade>> = BTreeMap::new();
    let mut late = 0;
    for (position, trade) in trades.iter().enumerate() {
        let latest = trades[..position].iter().map(|other| other.time).max();
        let window = trade.time / options.bar;
        let end = (window + 1) * options.bar;
        if latest.is_some_and(|latest| latest - options.lateness >= end) {
            late += 1;
        } else {
            let key = (window * options.bar, trade.symbol);
            windows.entry(key).or_default().push(*trade);
        }
    }
    (late, windows)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_arrival_within_the_lateness(
        trades in trades(300),
        other_delays in proptest::collection::vec(0..=1000_i64, 300),
        bar in 100..3000_i64,
        lateness in 0..4000_i64,
    ) {
        let options = Options { bar, lateness };
        let others: Vec<(Trade, i64)> = trades
            .iter()
            .zip(other_delays)
            .map(|((trade, _), delay)| (*trade, delay))
            .collect();
        let mut in_time: Vec<Trade> = trades.iter().map(|(trade, _)| *trade).collect();
        in_time.sort_by_key(|trade| trade.time);

        let (expected, market) = told(options, &in_time);
        prop_assert_eq!(market.late(), 0);
        for arrived in [
            in_order_of_arrival(trades, lateness),
            in_order_of_arrival(others, lateness),
        ] {
            let (told, other) = told(options, &arrived);
            prop_assert_eq!(other.late(), 0);
            prop_assert_eq!(&told, &expected);
            prop_assert_eq!(summary(&other), summary(&market));
        }
    }

    #[test]
    fn in_any_order_each_trade_is_in_one_bar_or_late(
        trades in trades(300),
        bar in 100..3000_i64,
        lateness in 0..2000_i64,
    ) {
        let options = Options { bar, lateness };
        // Far later than allowed.
        let trades = in_order_of_arrival(trades, 6000);
        let mut market = Market::new(options);
        let mut closed = BTreeMap::new();
        let mut twice = BTreeSet::new();
        let mut tell = |event: Event<'_>| if let Event::Closed(symbol, bar) = event
            && closed.insert((bar.start, symbol), bar.clone()).is_some() {
                twice.insert((bar.start, symbol));
        };
        for trade in &trades {
            market.add(trade, &mut tell);
        }
        market.finish(tell);
        prop_assert!(twice.is_empty(), "told twice: {twice:?}");

        let (late, windows) = by_hand(options, &trades);
        prop_assert_eq!(market.late(), late as u64);
        prop_assert!(closed.keys().eq(windows.keys()));
        for (key, inside) in &windows {
            let bar = &closed[key];
            let first = inside.iter().min_by_key(|trade| (trade.time, trade.number)).unwrap();
            let last = inside.iter().max_by_key(|trade| (trade.time, trade.number)).unwrap();
            let prices = || inside.iter().map(|trade| trade.price);
            let volume: i64 = inside.iter().map(|trade| trade.volume).sum();
            let turnover: i64 = inside.iter().map(|trade| trade.price * trade.volume).sum();
            prop_assert_eq!(
                (bar.open, bar.high, bar.low, bar.close),
                (first.price, prices().max().unwrap(), prices().min().unwrap(), last.price)
            );
            prop_assert_eq!((bar.volume, bar.trades), (volume.into(), inside.len() as u64));
            // Rounded to the nearest, halves upwards.
            prop_assert_eq!(bar.vwap(), (2 * turnover + volume).div_euclid(2 * volume));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_speed(seed: u64, times in 0.001..1_000_000.0, count in 0..1500_u64, head_start in 0..99_000_i64) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let played = |speed| {
            let exchange = Source::Exchange(Box::new(Exchange::new(seed, Some(count))));
            let feed = Feed::new(exchange, speed).head_start(head_start);
            let report = report::run(feed, "a day".to_owned(), Options::default(), None);
            runtime.block_on(report).unwrap().to_string()
        };
        prop_assert_eq!(played(Speed::Max), played(Speed::Times(times)));
    }
}

/// The example of the chapter: one trade from the future, and everybody else is late.
#[test]
fn a_clock_that_is_wrong_closes_all_bars() {
    let trade = |number, time| Trade {
        number,
        time,
        arrival: time,
        symbol: Symbol::new(b"ACME").unwrap(),
        price: 10_000,
        volume: 10_000,
    };
    let mut market = Market::new(Options::default());
    for (number, time) in (0..).zip([1_000, 2_000, 4_102_444_800_000, 3_000, 4_000]) {
        market.add(&trade(number, time), |_| {});
    }
    assert_eq!(market.late(), 2);
    assert_eq!(market.symbols().next().unwrap().1.closed_bars, 1);
}
