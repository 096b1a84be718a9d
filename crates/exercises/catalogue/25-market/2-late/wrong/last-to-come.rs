// misconception: last-to-come-is-last

use std::collections::BTreeMap;

use tokio::sync::mpsc;

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
    let mut open: BTreeMap<i64, Bar> = BTreeMap::new();
    let mut late = 0;
    let mut watermark = -LATENESS;
    while let Some(trade) = trades.recv().await {
        let start = trade.time - trade.time % BAR;
        if start + BAR <= watermark {
            late += 1;
            continue;
        }
        let bar = open.entry(start).or_insert(Bar {
            start,
            low: trade.price,
            high: trade.price,
            close: trade.price,
            trades: 0,
        });
        bar.low = bar.low.min(trade.price);
        bar.high = bar.high.max(trade.price);
        bar.close = trade.price;
        bar.trades += 1;
        watermark = watermark.max(trade.time - LATENESS);
        while let Some(entry) = open.first_entry()
            && entry.key() + BAR <= watermark
        {
            if told.send(entry.remove()).await.is_err() {
                // Nobody wants to know any more.
                return late;
            }
        }
    }
    for bar in open.into_values() {
        if told.send(bar).await.is_err() {
            break;
        }
    }
    late
}
