// misconception: the-wall-moves-the-watermark

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long a bar is, and how much later than the latest one a trade may come: milliseconds.
const BAR: i64 = 5_000;
const LATENESS: i64 = 2_000;

pub struct Trade {
    /// When it happened, in milliseconds since the exchange opened.
    pub time: i64,
    pub price: u32,
}

/// The trades of five seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// When it begins, in milliseconds since the exchange opened.
    pub start: i64,
    pub low: u32,
    pub high: u32,
    /// The price of the last of them.
    pub close: u32,
    pub trades: u32,
}

/// Makes bars of `trades` and tells them, until there are no more trades. How many were late.
pub async fn bars(mut trades: mpsc::Receiver<Trade>, told: mpsc::Sender<Bar>) -> u64 {
    let begun = Instant::now();
    let mut open: BTreeMap<i64, Open> = BTreeMap::new();
    let mut late = 0;
    while let Some(trade) = trades.recv().await {
        // Two seconds after its end, a bar is complete.
        let watermark = begun.elapsed().as_millis() as i64 - LATENESS;
        while let Some(entry) = open.first_entry()
            && entry.key() + BAR <= watermark
        {
            if told.send(entry.remove().bar).await.is_err() {
                return late;
            }
        }
        let start = trade.time - trade.time % BAR;
        if start + BAR <= watermark {
            late += 1;
            continue;
        }
        let one = open
            .entry(start)
            .or_insert_with(|| Open::new(start, &trade));
        one.add(&trade);
    }
    for one in open.into_values() {
        if told.send(one.bar).await.is_err() {
            break;
        }
    }
    late
}

/// A bar that may still change.
struct Open {
    bar: Bar,
    /// When the last of its trades happened.
    last: i64,
}

impl Open {
    fn new(start: i64, trade: &Trade) -> Self {
        let bar = Bar {
            start,
            low: trade.price,
            high: trade.price,
            close: trade.price,
            trades: 0,
        };
        Self {
            bar,
            last: trade.time,
        }
    }

    fn add(&mut self, trade: &Trade) {
        self.bar.low = self.bar.low.min(trade.price);
        self.bar.high = self.bar.high.max(trade.price);
        if trade.time >= self.last {
            self.bar.close = trade.price;
            self.last = trade.time;
        }
        self.bar.trades += 1;
    }
}
