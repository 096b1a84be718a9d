//! Windows over event time: what becomes of trades.
//!
//! A [`Market`] is a fold. It sees one trade after the other and nothing else, no clock above all:
//! what time it is, the trades say. So the same trades make the same bars, whether they come within
//! an hour or within a second.
//!
//! Trades come out of order. The *watermark* is the promise on which a bar is closed: nothing older
//! than this is expected any more. It is the latest time seen less the allowed lateness. What breaks
//! the promise is counted as late, and changes no bar that was already told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::alerts::{Alert, LONG, SHORT, Watch, sum_of_closes};
use crate::bar::{Bar, Moment, vwap};
use crate::trade::{Symbol, Trade, divide};

/// How many closed bars of each symbol are kept: what a chart shows, and a minute of the shortest bars
/// that the program takes, as the alerts need it.
pub const KEPT: usize = 120;

/// How many alerts are kept.
pub const KEPT_ALERTS: usize = 20;

/// How trades become bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long a bar is, in milliseconds. At least 1.
    pub bar: i64,
    /// How much later than the latest one a trade may come, in milliseconds. At least 0.
    pub lateness: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bar: 5_000,
            lateness: 2_000,
        }
    }
}

/// What is known of one symbol. Sums are of the trades that were not late.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tape {
    /// How many trades.
    pub trades: u64,
    /// How many more came too late for their bars.
    pub late: u64,
    /// The sum of the volumes.
    pub volume: i128,
    /// The sum of price times volume.
    pub turnover: i128,
    /// How many bars are closed, with those that are no longer kept.
    pub closed_bars: u64,
    /// The average of the last 5 closing prices.
    pub sma5: Option<i64>,
    /// The average of the last 20 closing prices.
    pub sma20: Option<i64>,
    /// The version of the market that last changed it.
    pub version: u64,
    first: Option<(Moment, i64)>,
    last: Option<(Moment, i64)>,
    closed: VecDeque<Bar>,
    open: BTreeMap<i64, Bar>,
    watch: Watch,
}

impl Tape {
    /// The latest price, by the time at which it was paid.
    #[must_use]
    pub fn last(&self) -> Option<i64> {
        self.last.map(|(_, price)| price)
    }

    /// The latest price less the first one.
    #[must_use]
    pub fn change(&self) -> Option<i64> {
        Some(self.last()? - self.first?.1)
    }

    /// The average price, in which a trade counts by its volume.
    #[must_use]
    pub fn vwap(&self) -> Option<i64> {
        (self.volume > 0).then(|| vwap(self.turnover, self.volume))
    }

    /// The last [`KEPT`] closed bars and all open ones, in order of time. A window in which nobody
    /// traded has no bar.
    pub fn bars(&self) -> impl Iterator<Item = &Bar> {
        self.closed.iter().chain(self.open.values())
    }

    fn add(&mut self, trade: &Trade, start: i64, version: u64) {
        let bar = self.open.entry(start);
        let bar = bar
            .and_modify(|bar| bar.add(trade))
            .or_insert_with(|| Bar::new(start, trade));
        bar.version = version;
        self.trades += 1;
        self.volume += i128::from(trade.volume);
        self.turnover += i128::from(trade.price) * i128::from(trade.volume);
        let moment = (trade.time, trade.number);
        if self.first.is_none_or(|(first, _)| moment < first) {
            self.first = Some((moment, trade.price));
        }
        if self.last.is_none_or(|(last, _)| moment > last) {
            self.last = Some((moment, trade.price));
        }
    }

    fn close(&mut self, mut bar: Bar, version: u64) {
        (bar.is_closed, bar.version, self.version) = (true, version, version);
        if self.closed.len() == KEPT {
            self.closed.pop_front();
        }
        self.closed.push_back(bar);
        self.closed_bars += 1;
        self.sma5 = average_of_closes(&self.closed, SHORT);
        self.sma20 = average_of_closes(&self.closed, LONG);
    }
}

/// Of bars that exist: it counts bars and not time.
fn average_of_closes(bars: &VecDeque<Bar>, n: usize) -> Option<i64> {
    let average = divide(sum_of_closes(bars, n)?, n as i128);
    i64::try_from(average).ok()
}

/// Something that is final.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A bar has closed.
    Closed(Symbol, &'a Bar),
    /// Somebody should know.
    Alert(&'a Alert),
}

/// What is known of all symbols.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Market {
    options: Options,
    symbols: BTreeMap<Symbol, Tape>,
    /// Each open bar, in the order in which they close: by time, and by name where that is equal. So
    /// alerts come in the same order in whatever order the trades came.
    open: BTreeSet<(i64, Symbol)>,
    alerts: VecDeque<Alert>,
    alerts_made: u64,
    late: u64,
    clock: Option<i64>,
    version: u64,
    trades: u64,
}

impl Market {
    /// A market in which nothing has happened yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// Adds a trade, and tells what became final with it.
    pub fn add(&mut self, trade: &Trade, mut tell: impl FnMut(Event<'_>)) {
        self.version += 1;
        self.trades += 1;
        let tape = self.symbols.entry(trade.symbol).or_default();
        tape.version = self.version;
        let start = trade.time - trade.time.rem_euclid(self.options.bar);
        let watermark = self.clock.map(|clock| clock - self.options.lateness);
        if watermark.is_some_and(|watermark| start + self.options.bar <= watermark) {
            tape.late += 1;
            self.late += 1;
            return;
        }
        if !tape.open.contains_key(&start) {
            self.open.insert((start, trade.symbol));
        }
        tape.add(trade, start, self.version);
        if self.clock.is_none_or(|clock| clock < trade.time) {
            self.clock = Some(trade.time);
            self.close(trade.time - self.options.lateness, &mut tell);
        }
    }

    /// There will be no further trade: closes all bars.
    pub fn finish(&mut self, mut tell: impl FnMut(Event<'_>)) {
        self.version += 1;
        self.close(i64::MAX, &mut tell);
    }

    /// Closes the bars that end at the watermark or before it.
    fn close(&mut self, watermark: i64, tell: &mut impl FnMut(Event<'_>)) {
        while let Some(&(start, symbol)) = self.open.first()
            && start + self.options.bar <= watermark
        {
            self.open.pop_first();
            let Some(tape) = self.symbols.get_mut(&symbol) else {
                continue;
            };
            let Some(bar) = tape.open.remove(&start) else {
                continue;
            };
            tape.close(bar, self.version);
            if let Some(bar) = tape.closed.back() {
                tell(Event::Closed(symbol, bar));
            }
            for (kind, direction, text) in tape.watch.look(&tape.closed, self.options.bar) {
                self.alerts_made += 1;
                let alert = Alert {
                    id: self.alerts_made,
                    time: start + self.options.bar,
                    symbol,
                    kind,
                    direction,
                    text,
                    version: self.version,
                };
                tell(Event::Alert(&alert));
                if self.alerts.len() == KEPT_ALERTS {
                    self.alerts.pop_front();
                }
                self.alerts.push_back(alert);
            }
        }
    }

    /// How trades become bars here.
    #[must_use]
    pub fn options(&self) -> Options {
        self.options
    }

    /// The symbols that were traded, by name.
    pub fn symbols(&self) -> impl Iterator<Item = (Symbol, &Tape)> {
        self.symbols.iter().map(|(symbol, tape)| (*symbol, tape))
    }

    /// Whether this symbol was ever traded.
    #[must_use]
    pub fn knows(&self, symbol: Symbol) -> bool {
        self.symbols.contains_key(&symbol)
    }

    /// The last alerts.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter()
    }

    /// How many alerts there were, with those that are no longer kept.
    #[must_use]
    pub fn alerts_made(&self) -> u64 {
        self.alerts_made
    }

    /// How many trades came too late.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late
    }

    /// How many trades there were, with those that were late.
    #[must_use]
    pub fn trades(&self) -> u64 {
        self.trades
    }

    /// The latest time seen.
    #[must_use]
    pub fn clock(&self) -> Option<i64> {
        self.clock
    }

    /// Rises with each change. Each tape, bar and alert has the version that last changed it, and so
    /// whoever has seen version 17 needs what is above 17.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}
