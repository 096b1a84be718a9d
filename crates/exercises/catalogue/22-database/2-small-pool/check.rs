use std::time::Duration;

use exercises::{Hang, check, if_it_hangs, same, seconds, took, wrong};
use futures::future::join_all;
use tokio::time::{sleep, timeout};

use super::exercise::{Busy, Pool, page};

const HALF_A_SECOND: Duration = Duration::from_millis(500);
const LONG: Duration = Duration::from_secs(60);

fn watch_for_the_second_connection() {
    if_it_hangs(
        Hang::Pending,
        "each-function-its-own-connection",
        "Each page has a connection and waits for another one, and there is none left that anybody \
         would return.",
    );
}

#[test]
fn who_has_a_connection_is_not_limited() {
    check(async {
        let pool = Pool::new(5, HALF_A_SECOND);
        let (text, time) = took(page(&pool, 7)).await;
        if text == Err(Busy) {
            wrong(
                "one-limit-around-the-request",
                format!(
                    "All five connections were free, and the only page was `Busy` after {}. It had \
                     its connection at once, and its work was thrown away.",
                    seconds(time)
                ),
            );
        }
        same(
            "the page of user 7",
            text,
            Ok("user 7, 7 orders, rain".to_owned()),
        );
        assert!(
            time <= Duration::from_millis(1400),
            "A page alone takes 1.4 s at the most, and took {}.",
            seconds(time)
        );
    });
}

#[test]
fn as_many_pages_as_connections_are_answered() {
    check(async {
        watch_for_the_second_connection();
        for count in [2, 1, 10] {
            let pool = Pool::new(count, Duration::from_secs(2));
            let pages = join_all((0..10).take(count).map(|user| page(&pool, user))).await;
            let refused = pages.iter().filter(|text| text.is_err()).count();
            if refused > 0 {
                wrong(
                    "a-limit-cures-a-deadlock",
                    format!(
                        "The pool has a connection for each of the pages that were asked for, and \
                         {refused} of {count} got `Busy`. Each of these had a connection, and waited for \
                         another one that nobody was going to return."
                    ),
                );
            }
        }
    });
}

#[test]
fn twelve_pages_share_two_connections() {
    check(async {
        watch_for_the_second_connection();
        let pool = Pool::new(2, LONG);
        let pages = join_all((0..12).map(|user| took(page(&pool, user)))).await;
        let refused = pages.iter().filter(|(text, _)| text.is_err()).count();
        let slowest = pages.iter().map(|(_, time)| *time).max();
        let time = slowest.unwrap_or_default();
        let at_once =
            |(text, time): &&(Result<String, Busy>, Duration)| text.is_err() && time.is_zero();
        if pages.iter().filter(at_once).count() == refused && refused > 0 {
            wrong(
                "full-means-no",
                format!(
                    "The pool has a patience of a minute, and {refused} of twelve pages were `Busy` \
                     after 0.0 s. A moment later a connection was free."
                ),
            );
        }
        same(
            "how many of twelve pages were `Busy`, with a patience of a minute",
            refused,
            0,
        );
        assert!(
            time >= Duration::from_millis(2400),
            "Twenty-four queries of 0.2 s on two connections take 2.4 s at the least, and all was \
             done after {}: more than two connections were in use.",
            seconds(time)
        );
        // With the weather after the queries, or beside them.
        if [8400, 6000].contains(&time.as_millis()) {
            wrong(
                "an-idle-connection-is-free",
                format!(
                    "Twelve pages with two connections took {}, and 3.4 s are enough: whoever had a \
                     connection kept it while another service answered, and asked nothing with it.",
                    seconds(time)
                ),
            );
        }
        assert!(
            time <= Duration::from_millis(3400),
            "Twelve pages with two connections took {}, and 3.4 s are enough.",
            seconds(time)
        );
    });
}

#[test]
fn an_exhausted_pool_says_so_in_time() {
    check(async {
        let pool = Pool::new(2, HALF_A_SECOND);
        let kept = (pool.acquire().await, pool.acquire().await);
        same(
            "a pool of two gave out two",
            kept.0.is_ok() && kept.1.is_ok(),
            true,
        );
        let Ok((text, time)) = timeout(LONG, took(page(&pool, 1))).await else {
            panic!(
                "Both connections were taken for a minute, and the patience of the pool is half a \
                 second. Whoever asked for a page was waiting still, a minute later."
            );
        };
        same("the page, when both connections are taken", text, Err(Busy));
        same("the time until it was `Busy`", seconds(time), "0.5 s");
        drop(kept);
        let text = page(&pool, 1).await;
        same(
            "the page, when both have been returned",
            text,
            Ok("user 1, 1 orders, rain".to_owned()),
        );
    });
}

#[test]
fn who_leaves_leaves_his_connection() {
    check(async {
        for milliseconds in [100, 300, 700] {
            let pool = Pool::new(2, Duration::from_secs(2));
            let leaves = timeout(Duration::from_millis(milliseconds), page(&pool, 1));
            same(
                "the page was ready when its reader left",
                leaves.await.is_ok(),
                false,
            );
            must_be_whole(&pool, &format!("left after {milliseconds} ms")).await;
        }
        let pool = Pool::new(2, Duration::from_secs(2));
        let kept = (pool.acquire().await, pool.acquire().await);
        // Nobody has a connection: he leaves, or is `Busy`.
        let _ = timeout(HALF_A_SECOND, page(&pool, 1)).await;
        drop(kept);
        must_be_whole(&pool, "left while he waited for a connection").await;
    });
}

/// Takes both connections of a pool.
async fn must_be_whole(pool: &Pool, who: &str) {
    // Whoever gives it back in a task has a turn to do so.
    sleep(Duration::from_millis(1)).await;
    let one = pool.acquire().await;
    let other = pool.acquire().await;
    let free = usize::from(one.is_ok()) + usize::from(other.is_ok());
    if free < 2 {
        wrong(
            "the-next-line-runs",
            format!(
                "The reader of a page {who}. Of two connections {free} can be had since then: what \
                 he had did not come back."
            ),
        );
    }
}
