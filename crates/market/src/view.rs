//! What a client is shown, as JSON: the whole market, or what is newer than what it has seen.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::alerts::Alert;
use crate::bar::Bar;
use crate::market::{Market, Tape};
use crate::trade::Symbol;

/// The symbols that a client wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// All of them, also those that come later.
    #[default]
    All,
    /// These.
    Only(BTreeSet<Symbol>),
}

impl Wanted {
    /// Whether this symbol is one of them.
    #[must_use]
    pub fn has(&self, symbol: Symbol) -> bool {
        match self {
            Self::All => true,
            Self::Only(symbols) => symbols.contains(&symbol),
        }
    }
}

/// What is newer than a version. Written, it borrows the market and copies none of it.
#[derive(Debug, Serialize)]
pub struct View<'a> {
    clock: Option<i64>,
    late: u64,
    symbols: Vec<SymbolView<'a>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    whole: Option<Whole<'a>>,
}

/// What only a snapshot has.
#[derive(Debug, Serialize)]
struct Whole<'a> {
    bar: i64,
    lateness: i64,
    source: &'a str,
    alerts: Vec<&'a Alert>,
}

#[derive(Debug, Serialize)]
struct SymbolView<'a> {
    symbol: Symbol,
    last: Option<i64>,
    change: Option<i64>,
    vwap: Option<i64>,
    sma5: Option<i64>,
    sma20: Option<i64>,
    trades: u64,
    late: u64,
    bars: Vec<BarView<'a>>,
}

/// With the short names of the wire: bars are most of what is sent.
#[derive(Debug)]
struct BarView<'a>(&'a Bar);

impl Serialize for BarView<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let Self(bar) = self;
        let mut fields = serializer.serialize_struct("Bar", 9)?;
        fields.serialize_field("t", &bar.start)?;
        fields.serialize_field("o", &bar.open)?;
        fields.serialize_field("h", &bar.high)?;
        fields.serialize_field("l", &bar.low)?;
        fields.serialize_field("c", &bar.close)?;
        fields.serialize_field("v", &bar.volume)?;
        fields.serialize_field("n", &bar.trades)?;
        fields.serialize_field("vwap", &bar.vwap())?;
        fields.serialize_field("closed", &bar.is_closed)?;
        fields.end()
    }
}

impl<'a> View<'a> {
    /// All of the market. `source` says where its trades come from.
    #[must_use]
    pub fn snapshot(market: &'a Market, wanted: &Wanted, source: &'a str) -> Self {
        let options = market.options();
        let alerts = market.alerts().filter(|alert| wanted.has(alert.symbol));
        let whole = Whole {
            bar: options.bar,
            lateness: options.lateness,
            source,
            alerts: alerts.collect(),
        };
        Self {
            whole: Some(whole),
            ..Self::newer(market, wanted, None)
        }
    }

    /// What has changed after the version `seen`: each symbol, with those of its bars that have.
    #[must_use]
    pub fn update(market: &'a Market, wanted: &Wanted, seen: u64) -> Self {
        Self::newer(market, wanted, Some(seen))
    }

    fn newer(market: &'a Market, wanted: &Wanted, seen: Option<u64>) -> Self {
        let is_new = |version: u64| seen.is_none_or(|seen| seen < version);
        let symbols = market.symbols();
        let symbols = symbols.filter(|(name, tape)| wanted.has(*name) && is_new(tape.version));
        let describe = |(symbol, tape): (Symbol, &'a Tape)| SymbolView {
            symbol,
            last: tape.last(),
            change: tape.change(),
            vwap: tape.vwap(),
            sma5: tape.sma5,
            sma20: tape.sma20,
            trades: tape.trades,
            late: tape.late,
            bars: (tape.bars().filter(|bar| is_new(bar.version)))
                .map(BarView)
                .collect(),
        };
        Self {
            clock: market.clock(),
            late: market.late(),
            symbols: symbols.map(describe).collect(),
            whole: None,
        }
    }

    /// Whether there is nothing of a symbol in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }
}
