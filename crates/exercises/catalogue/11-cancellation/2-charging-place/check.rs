use std::time::Duration;

use exercises::{check, same, seconds, took, wrong};
use tokio::time::{sleep, timeout};

use super::exercise::{Car, Station, charge};

const CAR: Car = Car {
    plug_fits: true,
    minutes: 10,
};

/// How many of two places are free when a driver has left after so many seconds; at once, and long
/// after.
async fn free_after_leaving(after: u64) -> (u32, u32) {
    let station = Station::new(2);
    let left = timeout(Duration::from_secs(after), charge(&station, CAR)).await;
    same(
        "the car was charged when its driver left",
        left.is_ok(),
        false,
    );
    // Whoever gives it back in a task has a turn to do so.
    sleep(Duration::from_millis(1)).await;
    let at_once = station.free();
    sleep(Duration::from_mins(15)).await;
    (at_once, station.free())
}

#[test]
fn who_leaves_leaves_a_free_place() {
    check(async {
        let while_charging = free_after_leaving(300).await;
        let while_connecting = free_after_leaving(5).await;
        match (while_charging, while_connecting) {
            ((1, 2), _) => wrong(
                "a-task-cleans-up",
                "A driver left after five minutes. His place was still taken then, and free only \
                 later: the charging went on without him.",
            ),
            ((1, 1), _) => wrong(
                "cancel-is-an-exception",
                "A driver left after five minutes, while his car was charged. A quarter of an hour \
                 later his place is still taken: no line of `charge` has run since he left.",
            ),
            ((2, 2), (1, 1)) => wrong(
                "the-guard-may-come-later",
                "Who leaves while his car is charged leaves a free place. Who leaves after 5 s, \
                 while it is connected, does not.",
            ),
            _ => {}
        }
        same(
            "the free places of two, when a driver has left while his car was charged",
            while_charging.0,
            2,
        );
        same(
            "the free places of two, when a driver has left while his car was connected",
            while_connecting.0,
            2,
        );
        same(
            "the free places of two, a quarter of an hour after he has left",
            while_charging.1,
            2,
        );
    });
}

#[test]
fn a_place_is_taken_as_long_as_the_car_is_there() {
    check(async {
        let station = Station::new(1);
        let look = async {
            let mut seen = Vec::new();
            for wait in [5, 60, 300] {
                sleep(Duration::from_secs(wait)).await;
                seen.push(station.free());
            }
            seen
        };
        let ((result, time), seen) = tokio::join!(took(charge(&station, CAR)), look);
        if seen.contains(&1) {
            wrong(
                "underscore-keeps",
                "The only place was free while a car was connected and charged there: it had been \
                 given back already.",
            );
        }
        same(
            "the free places of one after 5 s, 65 s and 365 s",
            seen,
            [0, 0, 0],
        );
        same("the result", result, Ok(()));
        same(
            "the time of ten minutes and ten seconds",
            seconds(time),
            "610.0 s",
        );
        same("the free places when the car is charged", station.free(), 1);
    });
}

#[test]
fn an_error_leaves_as_many_places_as_there_were() {
    check(async {
        let station = Station::new(1);
        let odd = Car {
            plug_fits: false,
            minutes: 1,
        };
        let result = charge(&station, odd).await;
        same("the result", result, Err("the plug does not fit"));
        same("the free places of one after that", station.free(), 1);

        let second = async {
            sleep(Duration::from_secs(20)).await;
            let result = charge(&station, CAR).await;
            (result, station.free())
        };
        let (first, (second, free)) = tokio::join!(charge(&station, CAR), second);
        same("the result of the first car", first, Ok(()));
        same(
            "the result of the second car, as the only place is taken",
            second,
            Err("no place is free"),
        );
        same("the free places when the second car was refused", free, 0);
        same("the free places of one, in the end", station.free(), 1);
    });
}

#[test]
fn who_never_begins_takes_no_place() {
    check(async {
        let station = Station::new(1);
        drop(charge(&station, CAR));
        same("the free places of one", station.free(), 1);
    });
}
