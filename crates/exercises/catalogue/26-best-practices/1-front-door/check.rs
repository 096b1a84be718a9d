use std::cell::Cell;
use std::time::Duration;

use exercises::{check, same, seconds, took, wrong};
use futures::future::{join, join_all};
use tokio::time::{sleep, timeout};

use super::exercise::{Busy, Door};

const SECOND: Duration = Duration::from_secs(1);

/// So many come at the same moment, and each is a second's work. How it ended for each, and after
/// how long.
async fn rush(door: &Door, count: u32) -> Vec<(Result<u32, Busy>, Duration)> {
    let one = |number| {
        took(door.serve(async move {
            sleep(SECOND).await;
            number
        }))
    };
    join_all((0..count).map(one)).await
}

#[test]
fn in_a_rush_some_are_refused_at_once() {
    check(async {
        for (workers, waiting, count) in [(2, 4, 100), (3, 1, 10)] {
            let door = Door::new(workers, waiting);
            let ends = rush(&door, count).await;
            let served = ends.iter().filter(|(end, _)| end.is_ok()).count();
            let refused = ends.iter().filter(|(end, _)| end.is_err());
            let longest = refused.map(|(_, time)| *time).max();
            let (Some(longest), true) = (longest, served < count as usize) else {
                let last = ends.iter().map(|(_, time)| *time).max().unwrap_or_default();
                wrong(
                    "a-semaphore-is-a-bound",
                    format!(
                        "{count} came at once, to {workers} workers with room for {waiting} who \
                         wait. Nobody was refused, and the last one waited for {}.",
                        seconds(last)
                    ),
                );
            };
            if !longest.is_zero() {
                wrong(
                    "a-time-limit-is-a-door",
                    format!(
                        "{count} came at once, to {workers} workers with room for {waiting} who \
                         wait. All the others stood in line, and heard after {} that they are \
                         refused.",
                        seconds(longest)
                    ),
                );
            }
            if served == workers {
                wrong(
                    "busy-means-no",
                    format!(
                        "{count} came at once, to {workers} workers with room for {waiting} who \
                         wait. Only {served} were served: nobody could wait."
                    ),
                );
            }
            same("how many of them were served", served, workers + waiting);
        }
    });
}

#[test]
fn as_many_are_served_at_a_time_as_there_are_workers() {
    check(async {
        let door = Door::new(2, 4);
        let (ends, time) = took(rush(&door, 6)).await;
        let ends: Vec<_> = ends.into_iter().map(|(end, _)| end).collect();
        same(
            "the results of six requests",
            ends,
            (0..6).map(Ok).collect::<Vec<_>>(),
        );
        same(
            "the time of six requests of a second, two at a time",
            seconds(time),
            "3.0 s",
        );
        let door = Door::new(1, 0);
        same(
            "the result of one request, where nobody may wait",
            door.serve(async { 7 }).await,
            Ok(7),
        );
    });
}

#[test]
fn work_that_is_refused_is_not_begun() {
    check(async {
        let door = Door::new(1, 0);
        let begun = Cell::new(0);
        let work = async || {
            begun.set(begun.get() + 1);
            sleep(SECOND).await;
        };
        let ends = join(door.serve(work()), door.serve(work())).await;
        same(
            "the second of two, where nobody may wait",
            ends.1,
            Err(Busy),
        );
        same("how often work was begun", begun.get(), 1);
    });
}

#[test]
fn after_a_rush_there_is_room_again() {
    check(async {
        let door = Door::new(2, 2);
        for round in 1..=3 {
            let ends = rush(&door, 50).await;
            let served = ends.iter().filter(|(end, _)| end.is_ok()).count();
            same(
                format!("how many were served in rush {round} of 3"),
                served,
                4,
            );
        }
    });
}

#[test]
fn who_is_dropped_gives_his_place_back() {
    check(async {
        let fresh = rush(&Door::new(1, 2), 3).await;
        let served = fresh.iter().filter(|(end, _)| end.is_ok()).count();
        same(
            "how many of three are served, where two may wait",
            served,
            3,
        );
        let door = Door::new(1, 2);
        // One is served and two wait. All three leave after half a second.
        let gone = timeout(SECOND / 2, rush(&door, 3)).await;
        assert!(gone.is_err(), "Work of a second was done in half a second.");
        let ends = rush(&door, 3).await;
        let served = ends.iter().filter(|(end, _)| end.is_ok()).count();
        if served < 3 {
            wrong(
                "the-next-line-runs",
                format!(
                    "Three requests were dropped, one while it was served and two while they \
                     waited. Then three came that should all be served, and {} of them were \
                     refused: the places of those who have gone are still taken.",
                    3 - served
                ),
            );
        }
    });
}
