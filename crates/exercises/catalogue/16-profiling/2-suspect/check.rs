use std::time::Duration;

use exercises::{check, same, took, wrong};
use tokio::time::{Instant, sleep};

use super::exercise::{article, orders, seal, statement};

/// The statement of a customer, how long it took, and whether a task was seen meanwhile.
async fn watch(customer: u32) -> (String, Duration, bool) {
    let mut tasks = false;
    let look = async {
        let metrics = tokio::runtime::Handle::current().metrics();
        loop {
            tasks |= metrics.num_alive_tasks() > 0;
            sleep(Duration::from_millis(1)).await;
        }
    };
    let (text, time) = tokio::select! {
        both = took(statement(customer)) => both,
        () = look => unreachable!(),
    };
    (text, time, tasks)
}

fn expected(customer: u32) -> String {
    let line = |number| format!("{} x article {}\n", number + 1, 17 + number % 10);
    let text: String = (0..customer).map(line).collect();
    let seal = seal(&text);
    format!("{text}seal {seal:08x}\n")
}

/// How many milliseconds the queries of a customer take, one after the other.
fn in_a_row(customer: u32) -> u128 {
    let article = |number: u32| {
        if (17 + number % 10).is_multiple_of(7) {
            20
        } else {
            10
        }
    };
    10 + (0..customer).map(article).sum::<u128>()
}

#[test]
fn a_statement_of_twenty_orders_takes_60_ms_at_the_most() {
    check(async {
        let (_, ten, _) = watch(10).await;
        let (_, time, tasks) = watch(20).await;
        let time = time.as_millis();
        if time <= 60 {
            return;
        }
        if time >= in_a_row(20) && tasks {
            wrong(
                "spawn-then-await-overlaps",
                format!(
                    "A statement of 20 orders took {time} ms. There were tasks, and never two of \
                     them at the same time."
                ),
            );
        }
        if time >= in_a_row(20) {
            wrong(
                "computing-is-the-slow-part",
                format!(
                    "A statement of 20 orders took {time} ms. `seal` is 30 ms of work at the most, \
                     and without any seal it would still be {} ms.",
                    in_a_row(20)
                ),
            );
        }
        if time == ten.as_millis() && time >= in_a_row(10) {
            wrong(
                "fewer-in-a-row-is-enough",
                format!(
                    "A statement of 20 orders of 10 articles took {time} ms, just as long as one of \
                     10 orders: half of the queries are gone, and the others are as they were."
                ),
            );
        }
        panic!("A statement of 20 orders took {time} ms, and 60 is the limit.");
    });
}

#[test]
fn lines_are_in_the_order_of_the_orders() {
    check(async {
        for customer in [20, 7, 1, 0] {
            let text = statement(customer).await;
            let expected = expected(customer);
            let sorted = |text: &str| {
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                lines.pop();
                lines.sort();
                lines
            };
            if text != expected && sorted(&text) == sorted(&expected) {
                wrong(
                    "results-as-they-finish",
                    "All lines are there, and not in the order of the orders: those of the quicker \
                     queries come first.",
                );
            }
            same(
                format!("the statement of {customer} orders"),
                text,
                expected,
            );
        }
    });
}

#[test]
fn the_database_and_the_library_are_as_they_were() {
    check(async {
        let ms = Duration::from_millis;
        let (orders, time) = took(orders(3)).await;
        same("the number of orders of customer 3", orders.len(), 3);
        same("the time of `orders`", time, ms(10));
        let (name, time) = took(article(20)).await;
        same("article 20", name, "article 20");
        same("the time of `article(20)`", time, ms(10));
        let (_, time) = took(article(21)).await;
        same("the time of `article(21)`", time, ms(20));
        let start = Instant::now();
        same(
            "the seal of \"tea\"",
            format!("{:08x}", seal("tea")),
            "b401e629",
        );
        same("the time of `seal`", start.elapsed(), ms(30));
    });
}
