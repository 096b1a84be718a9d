use std::time::Duration;

use exercises::{check, same, wrong};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::exercise::{Bar, Trade, bars};

/// What became of some trades.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    /// Each bar, and after how many trades it was told.
    bars: Vec<(Bar, usize)>,
    late: u64,
}

impl Told {
    fn all(&self) -> Vec<Bar> {
        self.bars.iter().map(|(bar, _)| bar.clone()).collect()
    }

    fn bar(&self, start: i64) -> Option<&Bar> {
        let mut bars = self.bars.iter().map(|(bar, _)| bar);
        bars.find(|bar| bar.start == start)
    }
}

/// Sends trades, given as the time at which each happened and its price. Before each one there is a
/// wait of so many milliseconds.
async fn told(trades: &[(i64, u32)], waits: impl Fn(usize) -> u64) -> Told {
    let (trade_sender, trade_receiver) = mpsc::channel(1);
    let (bar_sender, mut bar_receiver) = mpsc::channel(1000);
    let mut all = Vec::new();
    let feed = async {
        for (index, &(time, price)) in trades.iter().enumerate() {
            sleep(Duration::from_millis(waits(index))).await;
            while let Ok(bar) = bar_receiver.try_recv() {
                all.push((bar, index));
            }
            let sent = trade_sender.send(Trade { time, price }).await;
            assert!(sent.is_ok(), "Not all trades were taken: `bars` has ended.");
            // So that it is told of this trade what is told of it.
            sleep(Duration::from_millis(1)).await;
            while let Ok(bar) = bar_receiver.try_recv() {
                all.push((bar, index + 1));
            }
        }
        drop(trade_sender);
    };
    let (late, ()) = tokio::join!(bars(trade_receiver, bar_sender), feed);
    while let Ok(bar) = bar_receiver.try_recv() {
        all.push((bar, usize::MAX));
    }
    let told = Told { bars: all, late };
    let starts: Vec<i64> = told.bars.iter().map(|(bar, _)| bar.start).collect();
    if let Some(twice) = starts.windows(2).find(|pair| pair[0] >= pair[1]) {
        let again: Vec<&Bar> = told
            .bars
            .iter()
            .map(|(bar, _)| bar)
            .filter(|bar| bar.start == twice[1])
            .collect();
        if let [first, .., last] = again[..] {
            wrong(
                "told-may-change",
                format!(
                    "The bar from {} was told {} times: with {} trades and then with {}.",
                    clock(twice[1]),
                    again.len(),
                    first.trades,
                    last.trades
                ),
            );
        }
        panic!("The bars came in this order: {starts:?}.");
    }
    told
}

fn clock(milliseconds: i64) -> String {
    format!("{}.{:03} s", milliseconds / 1000, milliseconds % 1000)
}

fn bar(start: i64, low: u32, high: u32, close: u32, trades: u32) -> Bar {
    Bar {
        start,
        low,
        high,
        close,
        trades,
    }
}

/// Those of the chapter.
const SIX: [(i64, u32); 6] = [
    (1000, 10),
    (4000, 12),
    (6000, 11),
    (3000, 9),
    (7000, 11),
    (2000, 50),
];

fn must_not_go_by_arrival(told: &Told, all: u32) {
    let first = told.bars.first().map(|(bar, _)| bar);
    if let Some(one) = first
        && one.trades == all
    {
        wrong(
            "time-of-arrival",
            format!(
                "{all} trades that had happened over more than 5 s came within a moment, and all \
                 {all} are in one bar, that from {}. The bars go by when trades came.",
                clock(one.start)
            ),
        );
    }
}

#[test]
fn a_trade_goes_into_the_bar_of_its_own_time() {
    check(async {
        let told = told(&SIX, |_| 10).await;
        must_not_go_by_arrival(&told, 6);
        let Some(first) = told.bar(0) else {
            panic!("There is no bar from 0 s: the bars are {:?}.", told.bars);
        };
        if first.high == 50 && told.late == 0 {
            wrong(
                "the-wall-moves-the-watermark",
                "Trades of 1, 4, 6, 3, 7 and 2 s came within a moment. The last one was not late: \
                 its bar was still open, although a trade of 7 s had come before it.",
            );
        }
        if told.bars[0].1 < 4 && told.late == 2 {
            wrong(
                "the-next-bar-ends-the-last",
                "Trades of 1, 4, 6, 3, 7 and 2 s came in this order. That of 3 s was counted as \
                 late, because one of the next bar had come before it. When it came, the \
                 watermark was at 4 s.",
            );
        }
        if first.trades == 2 && told.late == 2 {
            wrong(
                "late-is-behind-the-watermark",
                "Trades of 1, 4, 6, 3, 7 and 2 s came in this order. That of 3 s was counted as \
                 late, and its bar was still open: when it came, the watermark was at 4 s.",
            );
        }
        if first.close == 9 {
            wrong(
                "last-to-come-is-last",
                "The first bar closes at 9, the price of 3 s, which came last. At 4 s somebody \
                 paid 12.",
            );
        }
        same(
            "the bars",
            told.all(),
            [bar(0, 9, 12, 12, 3), bar(5000, 11, 11, 11, 2)],
        );
        same("how many were late", told.late, 1);
    });
}

/// Twelve seconds of trades, a few each second, some of them late: in the order in which they come.
fn many() -> Vec<(i64, u32)> {
    let mut trades = Vec::new();
    for number in 0..240_u32 {
        let time = i64::from(number) * 250;
        // One in seven comes up to two seconds late, and one in forty much later.
        let delay = match number {
            _ if number % 40 == 13 => 9_000,
            _ if number % 7 == 3 => 1_900,
            _ => i64::from(number * 37 % 200),
        };
        let price = 1000 + number * 7919 % 101;
        trades.push((time + delay, (time, price)));
    }
    trades.sort_by_key(|&(arrival, _)| arrival);
    trades.into_iter().map(|(_, trade)| trade).collect()
}

#[test]
fn the_same_trades_make_the_same_bars_at_any_speed() {
    check(async {
        let trades = many();
        let real = told(&trades, |_| 249).await;
        let fast = told(&trades, |_| 0).await;
        let halted = told(&trades, |index| if index == 100 { 60_000 } else { 249 }).await;
        for (other, how) in [(&fast, "faster"), (&halted, "with a halt of a minute")] {
            if real == *other {
                continue;
            }
            must_not_go_by_arrival(other, 240);
            let seen = format!(
                "The same 240 trades, {how}: {} bars, and {} trades were late. At the pace of the \
                 market it was {} bars and {} late ones.",
                other.bars.len(),
                other.late,
                real.bars.len(),
                real.late
            );
            wrong("the-wall-moves-the-watermark", seen);
        }
        // Worked out by another program.
        same("how many bars there are", real.bars.len(), 12);
        same("how many trades were late", real.late, 6);
    });
}

#[test]
fn a_bar_is_told_when_the_watermark_has_reached_its_end() {
    check(async {
        let trades = [(1000, 10), (6999, 11), (7000, 12), (4999, 13), (18_000, 14)];
        let told = told(&trades, |_| 10).await;
        must_not_go_by_arrival(&told, 5);
        let first = told.bars.first().map(|(bar, after)| (bar.start, *after));
        if first == Some((0, 2)) {
            wrong(
                "the-next-bar-ends-the-last",
                "The bar from 0 to 5 s was told when a trade of 6.999 s had come. The watermark \
                 was at 4.999 s.",
            );
        }
        if told.late == 0 {
            wrong(
                "the-wall-moves-the-watermark",
                "A trade of 7 s has come, and within a moment one of 4.999 s. It was not late: the \
                 bar from 0 to 5 s was still open.",
            );
        }
        let when: Vec<_> = told
            .bars
            .iter()
            .map(|(bar, after)| (bar.start, *after))
            .collect();
        same(
            "which bars were told, and after how many trades",
            when,
            [(0, 3), (5000, 5), (15_000, usize::MAX)],
        );
        same("how many were late", told.late, 1);
    });
}

#[test]
fn a_trade_is_in_time_while_its_bar_is_open() {
    check(async {
        let trades = [(5500, 10), (11_900, 12), (5100, 8)];
        let told = told(&trades, |_| 10).await;
        must_not_go_by_arrival(&told, 3);
        if told.late == 1 && told.bar(5000).is_some_and(|bar| bar.trades == 1) {
            let open = told.bars.iter().all(|(_, after)| *after == usize::MAX);
            wrong(
                if open {
                    "late-is-behind-the-watermark"
                } else {
                    "the-next-bar-ends-the-last"
                },
                "A trade of 11.9 s has come, and then one of 5.1 s. It was counted as late. The \
                 watermark was at 9.9 s, and its bar ends at 10 s.",
            );
        }
        same("how many were late", told.late, 0);
        same(
            "the bars of 5.5, 11.9 and 5.1 s",
            told.all(),
            [bar(5000, 8, 10, 10, 2), bar(10_000, 12, 12, 12, 1)],
        );
    });
}

#[test]
fn of_two_trades_at_the_same_time_the_later_one_closes() {
    check(async {
        let told = told(&[(3000, 10), (3000, 11), (2000, 12)], |_| 10).await;
        same(
            "the bar of 3 s at 10, 3 s at 11 and 2 s at 12",
            told.all(),
            [bar(0, 10, 12, 11, 3)],
        );
        let none = self::told(&[], |_| 10).await;
        same("what is told of no trades", none.bars.len(), 0);
        same("how many of no trades are late", none.late, 0);
    });
}
