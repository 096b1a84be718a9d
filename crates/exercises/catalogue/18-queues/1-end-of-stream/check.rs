use exercises::{Hang, check, if_it_hangs, same, wrong};

use super::exercise::sum;

fn watch_for_the_kept_sender() {
    if_it_hangs(
        Hang::Pending,
        "sender-kept",
        "All producers are done, and the receiver waits for more: somebody still has a sender.",
    );
}

#[test]
fn all_numbers_are_added() {
    check(async {
        watch_for_the_kept_sender();
        let total = sum(vec![vec![1, 2, 3], vec![10, 20, 30], vec![100, 200, 300]]).await;
        if total < 666 {
            wrong(
                "empty-is-the-end",
                format!("The sum is {total} and not 666: numbers that came later are missing."),
            );
        }
        same("the sum", total, 666);
    });
}

#[test]
fn no_producers_give_zero() {
    check(async {
        watch_for_the_kept_sender();
        same("the sum of nothing", sum(Vec::new()).await, 0);
    });
}
