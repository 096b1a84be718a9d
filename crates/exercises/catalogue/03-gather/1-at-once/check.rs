use std::time::Duration;

use exercises::{check, same, seconds, took, wrong};

use super::exercise::fetch_all;

#[test]
fn pages_take_as_long_as_the_slowest() {
    check(async {
        let (_, time) = took(fetch_all(&[3, 1, 2])).await;
        if time == Duration::from_secs(6) {
            wrong(
                "call-starts-it",
                "Pages of 3, 1 and 2 seconds took 6.0 s, which is their sum: each began when the \
                 one before it had ended.",
            );
        }
        same(
            "the time of pages of 3, 1 and 2 seconds",
            seconds(time),
            "3.0 s",
        );
    });
}

#[test]
fn results_are_in_the_order_of_the_input() {
    check(async {
        let texts = fetch_all(&[3, 1, 2]).await;
        if texts == ["page 1", "page 2", "page 3"] {
            wrong(
                "results-as-they-finish",
                "The results of [3, 1, 2] came as 1, 2, 3: in the order in which they finished.",
            );
        }
        same(
            "the results of [3, 1, 2]",
            texts,
            ["page 3", "page 1", "page 2"],
        );
    });
}

#[test]
fn no_pages_take_no_time() {
    check(async {
        let (texts, time) = took(fetch_all(&[])).await;
        same("the number of results", texts.len(), 0);
        same("the time", seconds(time), "0.0 s");
    });
}
