use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use exercises::{Hang, check, if_it_hangs, same, seconds, took, wrong};
use tokio::time::{Instant, sleep};

use super::exercise::{Page, Update, serve};

/// A price that was drawn: its number, when, and which was the newest then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Drawn {
    number: u32,
    at: u64,
    newest: u32,
}

/// What the exchange and the pages know of each other.
struct Street {
    begun: Instant,
    newest: Cell<u32>,
    /// Each price, for as long as somebody has it.
    made: RefCell<Vec<Weak<str>>>,
    /// How many prices were in memory at one moment, when there were most.
    most: Cell<usize>,
}

impl Street {
    fn milliseconds(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap()
    }
}

/// All times in milliseconds.
#[derive(Clone, Copy)]
struct Browser {
    opens: u64,
    draws: u64,
}

struct Tab {
    browser: Browser,
    street: Rc<Street>,
    drawn: Rc<RefCell<Vec<Drawn>>>,
}

impl Page for Tab {
    async fn opened(&mut self) {
        sleep(Duration::from_millis(self.browser.opens)).await;
    }

    async fn draw(&mut self, update: Update) {
        let number = update.strip_prefix("ACME ").and_then(|it| it.parse().ok());
        self.drawn.borrow_mut().push(Drawn {
            number: number.expect("a price is drawn as the exchange has made it"),
            at: self.street.milliseconds(),
            newest: self.street.newest.get(),
        });
        sleep(Duration::from_millis(self.browser.draws)).await;
    }
}

struct Day {
    /// When the exchange was asked for more, after its last price.
    ended: u64,
    most: usize,
    drawn: Vec<Vec<Drawn>>,
}

impl Day {
    fn numbers(&self, page: usize) -> Vec<u32> {
        self.drawn[page].iter().map(|drawn| drawn.number).collect()
    }
}

/// `prices` prices, one every `every` milliseconds, and these browsers.
async fn day(prices: u32, every: u64, browsers: &[Browser]) -> Day {
    let street = Rc::new(Street {
        begun: Instant::now(),
        newest: Cell::new(0),
        made: RefCell::default(),
        most: Cell::new(0),
    });
    let ended = Cell::new(0);
    let exchange = async || {
        let number = street.newest.get() + 1;
        if number > prices {
            ended.set(street.milliseconds());
            return None;
        }
        sleep(Duration::from_millis(every)).await;
        let update = Update::from(format!("ACME {number}"));
        let mut made = street.made.borrow_mut();
        made.push(Arc::downgrade(&update));
        let alive = made.iter().filter(|one| one.strong_count() > 0).count();
        street.most.set(street.most.get().max(alive));
        street.newest.set(number);
        Some(update)
    };
    let drawn: Vec<Rc<RefCell<Vec<Drawn>>>> = browsers.iter().map(|_| Rc::default()).collect();
    let pages = browsers.iter().zip(&drawn).map(|(&browser, drawn)| Tab {
        browser,
        street: Rc::clone(&street),
        drawn: Rc::clone(drawn),
    });
    serve(exchange, pages.collect()).await;
    Day {
        ended: ended.get(),
        most: street.most.get(),
        drawn: drawn.iter().map(|drawn| drawn.borrow().clone()).collect(),
    }
}

fn watch_for_hangs() {
    if_it_hangs(
        Hang::Blocked,
        "a-guard-ends-with-its-call",
        "A page holds the borrow of the latest price while it draws. The exchange has a new price \
         and cannot put it in, and its thread stands still: the page on the same thread never gets \
         to the end of its drawing.",
    );
    if_it_hangs(
        Hang::Pending,
        "sender-kept",
        "The exchange has ended, the last price was drawn, and a page waits for the next one: \
         somebody could still send it.",
    );
}

fn ms(milliseconds: u64) -> String {
    format!("{:.2} s", Duration::from_millis(milliseconds).as_secs_f64())
}

/// What is wrong with what the slow page has drawn, if it has drawn old prices.
fn must_be_the_newest(page: &[Drawn], prices: u32) {
    let old = page.iter().find(|drawn| drawn.number < drawn.newest);
    let (Some(old), Some(last)) = (old, page.last()) else {
        return;
    };
    let seen = format!(
        "At {}, the slow page began to draw price {}, and the newest was {}.",
        ms(old.at),
        old.number,
        old.newest
    );
    if page.len() == prices as usize {
        wrong(
            "as-late-as-it-is-slow",
            format!(
                "{seen} It drew all {prices}, and was later with each: it began with the last one \
                 at {}.",
                ms(last.at)
            ),
        );
    }
    if last.number < prices {
        wrong(
            "try-send-keeps-the-newest",
            format!(
                "{seen} And at the end it has drawn {}; {prices}, the last, was never drawn.",
                last.number
            ),
        );
    }
    wrong(
        "the-ring-has-the-newest",
        format!("{seen} Prices in between were left out, but not all that were old."),
    );
}

#[test]
fn a_slow_page_draws_the_newest() {
    check(async {
        watch_for_hangs();
        let quick = Browser {
            opens: 0,
            draws: 50,
        };
        let slow = Browser {
            opens: 0,
            draws: 430,
        };
        let day = day(20, 100, &[quick, slow]).await;
        if day.ended > 2000 {
            wrong(
                "own-queue-own-pace",
                format!(
                    "The exchange makes 20 prices in 2.00 s. It was held up until {}, because one \
                     page of two needs 0.43 s for a price.",
                    ms(day.ended)
                ),
            );
        }
        must_be_the_newest(&day.drawn[1], 20);
        same(
            "what the quick page has drawn",
            day.numbers(0),
            (1..=20).collect::<Vec<_>>(),
        );
        same(
            "what the slow page has drawn",
            day.numbers(1),
            [1, 5, 9, 13, 18, 20],
        );
        let at: Vec<_> = day.drawn[1].iter().map(|drawn| ms(drawn.at)).collect();
        same(
            "when the slow page began to draw",
            at,
            ["0.10 s", "0.53 s", "0.96 s", "1.39 s", "1.82 s", "2.25 s"],
        );
    });
}

#[test]
fn a_page_that_opens_late_draws_the_newest_once() {
    check(async {
        watch_for_hangs();
        let late = Browser {
            opens: 6500,
            draws: 50,
        };
        let day = day(8, 1000, &[late]).await;
        if day.ended > 8000 {
            wrong(
                "own-queue-own-pace",
                format!(
                    "The exchange makes 8 prices in 8.00 s. It was held up until {}, because a \
                     page was opened at 6.50 s.",
                    ms(day.ended)
                ),
            );
        }
        let seen: Vec<_> = day.drawn[0]
            .iter()
            .map(|drawn| format!("{} at {}", drawn.number, ms(drawn.at)))
            .collect();
        let [first, second, ..] = &day.drawn[0][..] else {
            panic!("A page was opened at 6.50 s, before prices 7 and 8. It has drawn {seen:?}.");
        };
        if first.number == second.number {
            wrong(
                "borrowed-is-seen",
                format!(
                    "A page was opened at 6.50 s. It drew price {} twice: at {} and at {}.",
                    first.number,
                    ms(first.at),
                    ms(second.at)
                ),
            );
        }
        if first.number == 7 {
            wrong(
                "who-subscribes-sees-the-latest",
                format!(
                    "A page was opened at 6.50 s, when price 6 was the newest. It stayed empty \
                     until price 7 came, at {}.",
                    ms(first.at)
                ),
            );
        }
        if day.drawn[0].len() == 8 {
            wrong(
                "as-late-as-it-is-slow",
                "A page was opened at 6.50 s, when price 6 was the newest. It began with price 1, \
                 and drew all that followed.",
            );
        }
        same(
            "what a page draws that was opened at 6.50 s",
            seen,
            ["6 at 6.50 s", "7 at 7.00 s", "8 at 8.00 s"],
        );
    });
}

#[test]
fn what_is_not_drawn_is_not_kept() {
    check(async {
        watch_for_hangs();
        let very_slow = Browser {
            opens: 0,
            draws: 10_000,
        };
        let opened_when_all_is_over = Browser {
            opens: 45_000,
            draws: 50,
        };
        let day = day(300, 100, &[very_slow, opened_when_all_is_over]).await;
        if day.ended > 30_000 {
            wrong(
                "own-queue-own-pace",
                format!(
                    "The exchange makes 300 prices in 30.00 s. It was held up until {}, because \
                     one page needs 10 s for a price, and another was opened at 45 s.",
                    ms(day.ended)
                ),
            );
        }
        if day.most > 50 {
            let misconception = if day.drawn[0].len() < 50 {
                "emptied-later-is-bounded"
            } else {
                "a-queue-absorbs-it"
            };
            wrong(
                misconception,
                format!(
                    "One page drew a price for 10 s, and another was not yet opened. Meanwhile {} \
                     of 300 prices were in memory at one moment.",
                    day.most
                ),
            );
        }
        assert!(
            day.most <= 10,
            "{} prices were in memory at one moment. For each of two pages there is one that it \
             draws and one that waits; with those in the hands of the exchange it need not be more \
             than six.",
            day.most
        );
        must_be_the_newest(&day.drawn[0], 300);
        same(
            "what a page draws that needs 10 s for a price",
            day.numbers(0),
            [1, 101, 201, 300],
        );
        same(
            "what a page draws that was opened when all was over",
            day.numbers(1),
            [300],
        );
    });
}

#[test]
fn without_prices_nothing_is_drawn() {
    check(async {
        watch_for_hangs();
        let page = Browser {
            opens: 200,
            draws: 50,
        };
        let none = day(0, 1000, &[page]).await;
        same(
            "what is drawn of no prices",
            none.numbers(0),
            Vec::<u32>::new(),
        );
        let one = day(1, 1000, &[page]).await;
        same("what is drawn of one price", one.numbers(0), [1]);
        same("when it is drawn", ms(one.drawn[0][0].at), "1.00 s");
        let (nobody, time) = took(day(3, 1000, &[])).await;
        same("the prices that were drawn", nobody.drawn.len(), 0);
        same("the time of 3.0 s without pages", seconds(time), "3.0 s");
    });
}
