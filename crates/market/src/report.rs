//! The end of it as text: the same for the same trades, at any speed.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;

use crate::alerts::Alert;
use crate::bar::Bar;
use crate::feed::Feed;
use crate::market::{Event, Market, Options};
use crate::replay::Bad;
use crate::time;
use crate::trade::{Symbol, price, volume};

/// What a feed has brought.
#[derive(Debug)]
pub struct Report {
    source: String,
    market: Market,
    bad: Bad,
    /// The last bars of each symbol.
    tails: BTreeMap<Symbol, VecDeque<Bar>>,
    alerts: Vec<Alert>,
}

/// Plays the feed to its end. Keeps the last `most` bars of each symbol, or all.
///
/// # Errors
///
/// If the feed's file cannot be read any further.
pub async fn run(
    mut feed: Feed,
    source: String,
    options: Options,
    most: Option<usize>,
) -> io::Result<Report> {
    let mut report = Report {
        source,
        market: Market::new(options),
        bad: Bad::default(),
        tails: BTreeMap::new(),
        alerts: Vec::new(),
    };
    let (tails, alerts) = (&mut report.tails, &mut report.alerts);
    let mut keep = |event: Event<'_>| match event {
        Event::Closed(..) if most == Some(0) => {}
        Event::Closed(symbol, bar) => {
            let tail = tails.entry(symbol).or_default();
            if most.is_some_and(|most| tail.len() >= most) {
                tail.pop_front();
            }
            tail.push_back(bar.clone());
        }
        Event::Alert(alert) => alerts.push(alert.clone()),
    };
    let mut portion = Vec::new();
    loop {
        feed.next(&mut portion).await?;
        if portion.is_empty() {
            break;
        }
        for trade in &portion {
            report.market.add(trade, &mut keep);
        }
    }
    report.market.finish(keep);
    report.bad = feed.source().bad().cloned().unwrap_or_default();
    Ok(report)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let market = &self.market;
        let bars: u64 = market.symbols().map(|(_, tape)| tape.closed_bars).sum();
        writeln!(f, "{}", self.source)?;
        writeln!(
            f,
            "trades {}, of these late {}; bars {bars}; alerts {}",
            market.trades(),
            market.late(),
            market.alerts_made()
        )?;
        if let Some((line, what)) = &self.bad.first {
            let lines = self.bad.lines;
            writeln!(f, "bad lines {lines}, the first is line {line}: {what}")?;
        }
        writeln!(
            f,
            "{:16} {:>8} {:>6} {:>7} {:>12} {:>12} {:>12} {:>12}",
            "symbol", "trades", "late", "bars", "last", "vwap", "sma5", "sma20"
        )?;
        for (symbol, tape) in market.symbols() {
            let (trades, late, bars) = (tape.trades, tape.late, tape.closed_bars);
            write!(f, "{symbol:16} {trades:8} {late:6} {bars:7}")?;
            for value in [tape.last(), tape.vwap(), tape.sma5, tape.sma20] {
                let value = value.map_or("-".to_owned(), price);
                write!(f, " {value:>12}")?;
            }
            writeln!(f)?;
        }
        for (symbol, tail) in &self.tails {
            writeln!(f, "bars of {symbol}")?;
            for bar in tail {
                write!(f, "  {}", time::show(bar.start))?;
                let vwap = bar.vwap();
                let numbers = [("o", bar.open), ("h", bar.high), ("l", bar.low)];
                for (name, value) in numbers
                    .into_iter()
                    .chain([("c", bar.close), ("vwap", vwap)])
                {
                    write!(f, " {name}{:>11}", price(value))?;
                }
                writeln!(f, " v {} n {}", volume(bar.volume), bar.trades)?;
            }
        }
        writeln!(f, "alerts")?;
        for alert in &self.alerts {
            let (time, symbol) = (time::show(alert.time), alert.symbol);
            writeln!(f, "  {time} {symbol}: {}", alert.text)?;
        }
        Ok(())
    }
}
