use std::time::Duration;

use exercises::{check, same, seconds, took, wrong};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::exercise::{Desk, reserve};

const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(5);

/// Whether the desk still answers calls, or at least lives to drop their callbacks. It takes that
/// long; who is asked when he is dead drops them at once.
async fn lives(desk: &Desk) -> bool {
    let (sender, receiver) = oneshot::channel();
    let back = desk.clone();
    desk.ask(move |table| {
        back.give_back(table);
        let _ = sender.send(());
    });
    let (_, time) = took(receiver).await;
    !time.is_zero()
}

#[test]
fn a_table_in_time_is_given() {
    check(async {
        let desk = Desk::open(vec![4, 9]);
        let (table, time) = took(reserve(&desk, LONG)).await;
        same("whether there is a table", table.is_some(), true);
        same("the time", seconds(time), "3.0 s");
        same("the free tables, of two", desk.free(), 1);
        let second = reserve(&desk, LONG).await;
        same("whether there is another", second.is_some(), true);
        same("the free tables", desk.free(), 0);
    });
}

#[test]
fn a_table_that_comes_too_late_is_given_back() {
    check(async {
        let desk = Desk::open(vec![4]);
        let (table, time) = took(reserve(&desk, SHORT)).await;
        same("whether there is a table after 2 s", table.is_some(), false);
        if time > SHORT {
            wrong(
                "only-the-asker-can-clean-up",
                format!(
                    "With a limit of 2.0 s, `reserve` came back after {}: it waited for the table \
                     that it did not want.",
                    seconds(time)
                ),
            );
        }
        sleep(LONG).await;
        if !lives(&desk).await {
            wrong(
                "somebody-still-waits",
                "The table came when nobody waited, and the callback panicked. That ended the \
                 desk: it answers nobody any more.",
            );
        }
        if desk.free() == 0 {
            wrong(
                "giving-up-takes-the-call-back",
                "`reserve` gave up after 2 s. After 3 s the desk handed the only table to its \
                 callback, and since then nobody has it, and it is not free.",
            );
        }
        let table = reserve(&desk, LONG).await;
        same("whether the next one gets it", table.is_some(), true);
    });
}

#[test]
fn who_drops_reserve_loses_no_table() {
    check(async {
        let desk = Desk::open(vec![4]);
        reserve(&desk, SHORT).await;
        sleep(LONG).await;
        let after_its_own_limit = desk.free();
        same("the free tables after a limit", after_its_own_limit, 1);
        let dropped = timeout(Duration::from_secs(1), reserve(&desk, SHORT)).await;
        same("whether it was done after 1 s", dropped.is_ok(), false);
        sleep(LONG).await;
        if desk.free() == 0 {
            wrong(
                "timeout-lets-it-run",
                "After its own limit `reserve` gives the table back. But when it was dropped after \
                 1 s, before that limit, the table that came at 3 s was lost.",
            );
        }
        same("the free tables", desk.free(), 1);
    });
}

#[test]
fn a_call_that_is_not_answered_ends_when_the_callback_is_dropped() {
    check(async {
        let desk = Desk::open(Vec::new());
        let (table, time) = took(reserve(&desk, LONG)).await;
        same(
            "whether an inn without tables has one",
            table.is_some(),
            false,
        );
        same("the time, with a limit of 5 s", seconds(time), "3.0 s");
    });
}
