use std::time::Duration;

use exercises::{Hang, check, if_it_hangs, same, wrong};
use tokio::time::{sleep, timeout};

use super::exercise::Bank;

/// More than all transfers of one check take, one after the other.
const LONG: Duration = Duration::from_secs(30);

/// Waits before it begins.
async fn after<F: Future>(milliseconds: u64, future: F) -> F::Output {
    sleep(Duration::from_millis(milliseconds)).await;
    future.await
}

fn must_be_made(moved: bool, from: usize, to: usize) {
    if !moved {
        wrong(
            "a-limit-cures-a-deadlock",
            format!(
                "A transfer from account {from} to {to} was not made, though there was money \
                 enough. `transfer` gave false, and nobody tries again."
            ),
        );
    }
}

/// Three transfers in a circle, all of the same amount. One more holds account 2 when they begin.
/// With `turned`, each goes the other way. The balances afterwards.
async fn circle(turned: bool) -> Vec<u32> {
    let bank = Bank::new(&[100; 4]);
    let transfer = async |milliseconds, from, to, amount| {
        sleep(Duration::from_millis(milliseconds)).await;
        let (from, to) = if turned { (to, from) } else { (from, to) };
        must_be_made(bank.transfer(from, to, amount).await, from, to);
    };
    tokio::join!(
        transfer(0, 2, 3, 0),
        transfer(100, 2, 0, 10),
        transfer(200, 1, 2, 10),
        transfer(300, 0, 1, 10),
    );
    bank.balances().await
}

#[test]
fn a_transfer_to_itself_changes_nothing() {
    check(async {
        if_it_hangs(
            Hang::Pending,
            "lock-is-reentrant",
            "A transfer from account 1 to account 1 holds its lock, and waits for it.",
        );
        let bank = Bank::new(&[100, 50]);
        bank.transfer(1, 1, 30).await;
        same("the balances", bank.balances().await, [100, 50]);
    });
}

#[test]
fn at_each_moment_the_sum_is_the_same() {
    check(async {
        let circles = async { (circle(false).await, circle(true).await) };
        if timeout(LONG, circles).await.is_ok() {
            if_it_hangs(
                Hang::Pending,
                "locks-in-one-step",
                "`balances` has locked 0 and waits for 2. A transfer between 0 and 2 has locked 2 \
                 and waits for 0.",
            );
        } else {
            if_it_hangs(
                Hang::Pending,
                "order-by-role",
                "Several wait in a circle, each with a lock that another one wants: transfers, and \
                 `balances`, which locks from 0 upwards.",
            );
        }
        for (from, to) in [(2, 0), (0, 2)] {
            let bank = Bank::new(&[100, 100, 100, 100]);
            // The second one holds account 1 from 0.5 s on, so that `balances`, which has locked 0
            // then, waits for 1.
            let (first, second, third, seen) = tokio::join!(
                bank.transfer(2, 0, 10),
                after(500, bank.transfer(1, 3, 20)),
                after(1250, bank.transfer(from, to, 5)),
                after(750, bank.balances()),
            );
            must_be_made(first, 2, 0);
            must_be_made(second, 1, 3);
            must_be_made(third, from, to);
            let sum: u32 = seen.iter().sum();
            if sum != 400 {
                wrong(
                    "one-lock-at-a-time",
                    format!(
                        "Four accounts had 400 together. Somebody looked while transfers were \
                         under way, and saw {seen:?}: that is {sum}."
                    ),
                );
            }
            let mut wanted = [110, 80, 90, 120];
            wanted[from] -= 5;
            wanted[to] += 5;
            same("the balances in the end", bank.balances().await, wanted);
        }
    });
}

#[test]
fn nobody_pays_more_than_he_has() {
    check(async {
        let bank = Bank::new(&[100, 0, 0]);
        let (one, two) = tokio::join!(bank.transfer(0, 1, 60), bank.transfer(0, 2, 60));
        same(
            "how many of two transfers of 60 were made, with 100 in the account",
            usize::from(one) + usize::from(two),
            1,
        );
        let balances = bank.balances().await;
        same("what is left in the account", balances[0], 40);
        same("what was paid", balances[1] + balances[2], 60);
    });
}

#[test]
fn opposite_directions_are_both_made() {
    check(async {
        if_it_hangs(
            Hang::Pending,
            "order-by-role",
            "Account 0 pays account 1, and 1 pays 0 at the same time. One transfer holds 0 and \
             waits for 1, the other holds 1 and waits for 0.",
        );
        let bank = Bank::new(&[100, 100]);
        let (there, back) = tokio::join!(bank.transfer(0, 1, 10), bank.transfer(1, 0, 30));
        must_be_made(there, 0, 1);
        must_be_made(back, 1, 0);
        same("the balances", bank.balances().await, [120, 80]);
    });
}

#[test]
fn a_circle_of_transfers_is_made() {
    check(async {
        if_it_hangs(
            Hang::Pending,
            "order-by-role",
            "Transfers go round three accounts: each holds one of them and waits for the next one.",
        );
        same("the balances", circle(false).await, [100; 4]);
        same("the balances", circle(true).await, [100; 4]);
    });
}
