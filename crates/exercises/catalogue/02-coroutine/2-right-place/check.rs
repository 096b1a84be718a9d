use std::panic::AssertUnwindSafe;

use exercises::{check, same, seconds, took, wrong};
use futures::FutureExt as _;

use super::exercise::summary;

#[test]
fn the_summary_has_both_reports() {
    check(async {
        let text = AssertUnwindSafe(async { summary().await });
        let Ok(text) = text.catch_unwind().await else {
            wrong(
                "block-on-inside",
                "It panicked: a thread that already runs the event loop was asked to start another \
                 one and to block in it.",
            );
        };
        same("the summary", text, "[one is fine] [two is fine]");
    });
}

#[test]
fn the_reports_are_fetched_one_after_the_other() {
    check(async {
        let (_, time) = took(summary()).await;
        same(
            "the time of two reports of one second each",
            seconds(time),
            "2.0 s",
        );
    });
}
