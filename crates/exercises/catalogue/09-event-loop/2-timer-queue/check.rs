use std::time::Duration;

use exercises::{same, wrong};

use super::exercise::Timers;

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn three() -> Timers<&'static str> {
    let mut timers = Timers::default();
    timers.add(at(3), "three");
    timers.add(at(1), "one");
    timers.add(at(2), "two");
    timers
}

#[test]
fn the_next_timer_is_the_earliest() {
    let timers = three();
    if timers.next() == Some(at(3)) {
        wrong(
            "heap-pops-the-least",
            "Of timers at 3, 1 and 2 seconds, the one at 3 is said to be next.",
        );
    }
    same("the next timer", timers.next(), Some(at(1)));
    same(
        "the next of no timers",
        Timers::<()>::default().next(),
        None,
    );
}

#[test]
fn due_takes_what_is_due_and_leaves_the_rest() {
    let mut timers = three();
    if timers.next() == Some(at(3)) {
        wrong(
            "heap-pops-the-least",
            "The last timer is the first to come out.",
        );
    }
    same("what is due at 0 s", timers.due(at(0)).len(), 0);
    same("what is due at 2 s", timers.due(at(2)), ["one", "two"]);
    same(
        "what is due at 2 s when it was taken",
        timers.due(at(2)).len(),
        0,
    );
    same("the next timer after that", timers.next(), Some(at(3)));
    same("what is due at 9 s", timers.due(at(9)), ["three"]);
    same("the next timer at the end", timers.next(), None);
}

#[test]
fn timers_of_the_same_time_keep_their_order() {
    for count in [2, 10, 100] {
        let mut timers = Timers::default();
        for number in 0..count {
            timers.add(at(1), number);
        }
        let due = timers.due(at(1));
        if due.len() < count {
            wrong(
                "a-map-holds-them-all",
                format!(
                    "Of {count} timers for the same moment, {} came out.",
                    due.len()
                ),
            );
        }
        if due != (0..count).collect::<Vec<_>>() {
            wrong(
                "equal-times-keep-their-order",
                format!(
                    "{count} timers for the same moment came out in the order {:?} …",
                    &due[..2]
                ),
            );
        }
    }
}

#[test]
fn timers_may_be_added_between() {
    let mut timers = three();
    if timers.next() == Some(at(3)) {
        wrong(
            "heap-pops-the-least",
            "The last timer is the first to come out.",
        );
    }
    same("what is due at 1 s", timers.due(at(1)), ["one"]);
    timers.add(at(2), "another two");
    timers.add(at(1), "late");
    same(
        "what is due at 2 s",
        timers.due(at(2)),
        ["late", "two", "another two"],
    );
}
