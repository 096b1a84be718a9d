use exercises::{Log, check, same, seconds, took, wrong};

use super::exercise::place_order;

#[test]
fn an_order_is_saved_then_confirmed_then_placed() {
    check(async {
        let log = Log::new();
        let ((), time) = took(place_order(7, &log)).await;
        let lines = log.lines();
        if lines == ["order 7 placed"] && time.is_zero() && tasks() > 0 {
            wrong(
                "await-is-later",
                "`place_order` returned at once and said that the order is placed, while tasks of \
                 it had only begun.",
            );
        }
        if lines == ["order 7 placed"] {
            wrong(
                "call-starts-it",
                "The log says only `order 7 placed`: `save` and `confirm` were called, and never ran.",
            );
        }
        if lines
            .first()
            .is_some_and(|line| line == "order 7 confirmed")
        {
            wrong(
                "join-keeps-the-order",
                "The order was confirmed after 1 s and saved after 2 s: a customer heard of an \
                 order that might never have been saved.",
            );
        }
        same(
            "the log",
            lines,
            ["order 7 saved", "order 7 confirmed", "order 7 placed"],
        );
        same(
            "the time (saving takes 2 s, confirming 1 s)",
            seconds(time),
            "3.0 s",
        );
    });
}

fn tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

#[test]
fn two_orders_do_not_mix_their_numbers() {
    check(async {
        let log = Log::new();
        place_order(1, &log).await;
        place_order(2, &log).await;
        let placed: Vec<String> = log
            .lines()
            .into_iter()
            .filter(|line| line.ends_with("placed"))
            .collect();
        same(
            "the orders placed",
            placed,
            ["order 1 placed", "order 2 placed"],
        );
        same("the number of lines for two orders", log.lines().len(), 6);
    });
}
