use exercises::{Log, check, same, seconds, took, wrong};
use tokio::time::Duration;

use super::exercise::{Shop, bill};

fn items(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn three_prices_take_as_long_as_one() {
    check(async {
        let shop = Shop::connect(&Log::new());
        let (total, time) = took(bill(shop, items(&["tea", "kettle", "cup"]))).await;
        if time == Duration::from_secs(3) {
            wrong(
                "spawn-then-await-overlaps",
                "Three prices of one second each took 3.0 s: each task began when the one before \
                 it had ended.",
            );
        }
        same("the time of three prices", seconds(time), "1.0 s");
        same("the bill for tea, kettle and cup", total.ok(), Some(51));
    });
}

#[test]
fn the_connection_is_closed_when_bill_returns() {
    check(async {
        let log = Log::new();
        let total = bill(Shop::connect(&log), items(&["tea", "tea"])).await;
        let lines = log.lines();
        if !lines.contains(&"closed".to_owned()) {
            wrong(
                "static-means-forever",
                "`bill` has returned, and the connection is open: nobody owns it any more, and \
                 nobody will ever close it.",
            );
        }
        same(
            "what became of the connection",
            lines,
            ["connected", "closed"],
        );
        same("the bill for tea and tea", total.ok(), Some(6));
    });
}

#[test]
fn nothing_costs_nothing() {
    check(async {
        let log = Log::new();
        let (total, time) = took(bill(Shop::connect(&log), Vec::new())).await;
        same("the bill for nothing", total.ok(), Some(0));
        same("the time", seconds(time), "0.0 s");
        same(
            "what became of the connection",
            log.lines(),
            ["connected", "closed"],
        );
    });
}
