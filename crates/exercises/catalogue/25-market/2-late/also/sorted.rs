// Keeps the trades and makes a bar of them when it is closed: then the order in which they came is
// needed for nothing but two trades of the same time, and a stable sort keeps it.

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
    let mut waiting: Vec<Trade> = Vec::new();
    let mut latest = 0;
    // Where the first bar begins that may still change.
    let mut open_from = 0;
    let mut late = 0;
    while let Some(trade) = trades.recv().await {
        if trade.time < open_from {
            late += 1;
            continue;
        }
        latest = latest.max(trade.time);
        waiting.push(trade);
        let watermark = latest - LATENESS;
        if watermark >= open_from + BAR {
            open_from = watermark - watermark % BAR;
            tell(&mut waiting, open_from, &told).await;
        }
    }
    tell(&mut waiting, i64::MAX, &told).await;
    late
}

/// Takes the trades that happened before `end`, and tells their bars.
async fn tell(waiting: &mut Vec<Trade>, end: i64, told: &mpsc::Sender<Bar>) {
    let mut closed: Vec<Trade> = waiting.extract_if(.., |trade| trade.time < end).collect();
    closed.sort_by_key(|trade| trade.time);
    for bar in closed.chunk_by(|a, b| a.time / BAR == b.time / BAR) {
        // A chunk is never empty.
        let last = &bar[bar.len() - 1];
        let prices = || bar.iter().map(|trade| trade.price);
        let bar = Bar {
            start: last.time - last.time % BAR,
            low: prices().fold(u32::MAX, u32::min),
            high: prices().fold(0, u32::max),
            close: last.price,
            trades: bar.len() as u32,
        };
        // It fails when nobody wants to know any more.
        let _ = told.send(bar).await;
    }
}
