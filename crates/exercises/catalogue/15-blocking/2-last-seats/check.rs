use std::time::Duration;

use exercises::{Hang, check, if_it_hangs, same, seconds, took, wrong};

use super::exercise::sell;

fn watch_for_the_held_lock() {
    if_it_hangs(
        Hang::Blocked,
        "one-thread-may-hold",
        "A buyer waits for the bank and holds the lock. The next one waits for the lock, and with \
         it the thread: the bank's answer finds nobody.",
    );
}

fn buyers(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn all_buy_at_the_same_time() {
    check(async {
        watch_for_the_held_lock();
        let (sold, time) = took(sell(vec![1, 2, 3, 4], buyers(&["ada", "ben", "cy"]))).await;
        same(
            "the number of answers",
            sold.map(|sold| sold.len()).ok(),
            Some(3),
        );
        if time == Duration::from_secs(3) {
            wrong(
                "lock-guards-one-line",
                "Three buyers took 3.0 s: they paid one after the other. Who holds a lock while the \
                 bank is asked lets nobody else begin.",
            );
        }
        same("the time of three buyers", seconds(time), "1.0 s");
    });
}

#[test]
fn no_seat_is_sold_twice() {
    check(async {
        watch_for_the_held_lock();
        let sold = sell(vec![7, 12, 31], buyers(&["ada", "ben", "cy"])).await;
        let mut seats: Vec<u32> = sold.into_iter().flatten().flatten().collect();
        seats.sort_unstable();
        if let Some(twice) = seats.windows(2).find(|pair| pair[0] == pair[1]) {
            wrong(
                "a-copy-is-shared",
                format!(
                    "Three seats were free for three buyers, and seat {} was sold more than once.",
                    twice[0]
                ),
            );
        }
        same("the seats that were sold", seats, [7, 12, 31]);
    });
}

#[test]
fn who_comes_too_late_gets_no_seat_and_does_not_pay() {
    check(async {
        watch_for_the_held_lock();
        let sold = sell(vec![5], buyers(&["ada", "ben", "cy"])).await;
        let mut sold = sold.unwrap_or_default();
        sold.sort_unstable();
        same(
            "what three buyers got of one seat",
            sold,
            [None, None, Some(5)],
        );
        let (sold, time) = took(sell(Vec::new(), buyers(&["dee"]))).await;
        same("what dee got of no seats", sold.ok(), Some(vec![None]));
        same("the time that took", seconds(time), "0.0 s");
    });
}
