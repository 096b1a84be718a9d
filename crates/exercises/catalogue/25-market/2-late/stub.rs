// Late trades                                                       fix, chapter 25-market
//
// `bars` looks at the clock: a trade goes into the bar of the five seconds in which it comes. But
// trades come late and out of order, and a replay of a day takes a minute. Mend it: a trade belongs
// to the time at which it happened, and the same trades in the same order make the same bars at any
// speed. Each bar is told once, as soon as the watermark (the time of the latest trade less two
// seconds) has reached its end; when there are no more trades, those still open are told, the
// oldest first. A trade whose bar was told is late: it is counted, and in no bar. `close` is the
// price of the trade that happened last; of two at the same time, of the one that came later.

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
    let mut bar: Option<Bar> = None;
    while let Some(trade) = trades.recv().await {
        let now = begun.elapsed().as_millis() as i64;
        let start = now - now % BAR;
        // A bar ends when the first trade of a later one comes.
        if let Some(bar) = bar.take_if(|bar| bar.start != start)
            && told.send(bar).await.is_err()
        {
            return 0;
        }
        let bar = bar.get_or_insert(Bar {
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
    }
    if let Some(bar) = bar {
        // It fails when nobody wants to know any more.
        let _ = told.send(bar).await;
    }
    0
}
