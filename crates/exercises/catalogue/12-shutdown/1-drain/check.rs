use std::time::Duration;

use exercises::{Hang, check, if_it_hangs, same, seconds, took, wrong};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::exercise::{Order, Report, run};

fn watch_for_the_open_door() {
    if_it_hangs(
        Hang::Pending,
        "empty-is-the-end",
        "It was closing time, and `run` waits for one more order: a guest who is still there could \
         bring one.",
    );
}

/// Orders of 2, 5, 1 and 1 seconds wait in the queue, and it closes after three seconds.
async fn evening() -> (Report, Duration) {
    let (guest, queue) = mpsc::channel(8);
    for (number, seconds) in [(1, 2), (2, 5), (3, 1), (4, 1)] {
        guest.send(Order { number, seconds }).await.unwrap();
    }
    let evening = took(run(queue, sleep(Duration::from_secs(3)))).await;
    // The guest was there all the time.
    drop(guest);
    evening
}

fn is_filed(report: &Report, number: u32) -> bool {
    report.done.contains(&number) || report.handed_back.contains(&number)
}

#[test]
fn the_dish_on_the_stove_is_finished() {
    check(async {
        watch_for_the_open_door();
        let (report, time) = evening().await;
        if !is_filed(&report, 2) {
            wrong(
                "cancelled-is-handed-back",
                "Order 2 was on the stove at closing time. It is neither done nor handed back: \
                 nobody has it any more.",
            );
        }
        if report.handed_back.contains(&2) {
            wrong(
                "cancelled-is-handed-back",
                "Order 2 was on the stove at closing time, and was handed back half done.",
            );
        }
        same(
            "whether the first dishes are 1 and 2",
            report.done.starts_with(&[1, 2]),
            true,
        );
        if report.done.len() == 2 {
            same("the time (order 2 needs until 7 s)", seconds(time), "7.0 s");
        }
    });
}

#[test]
fn what_waits_in_the_queue_is_handed_back() {
    check(async {
        watch_for_the_open_door();
        let (report, _) = evening().await;
        let lost: Vec<u32> = (3..=4).filter(|&one| !is_filed(&report, one)).collect();
        if !lost.is_empty() {
            wrong(
                "taking-no-more-is-enough",
                format!(
                    "Orders {lost:?} were in the queue at closing time. They are neither done nor \
                     handed back: they were dropped with the queue."
                ),
            );
        }
        same("the orders that stand in two lists", twice(&report), [0; 0]);
    });
}

/// The numbers that stand in the report more than once.
fn twice(report: &Report) -> Vec<u32> {
    let mut all = [report.done.clone(), report.handed_back.clone()].concat();
    all.sort_unstable();
    let pairs = all.windows(2).filter(|pair| pair[0] == pair[1]);
    pairs.map(|pair| pair[0]).collect()
}

#[test]
fn nothing_is_begun_after_closing_time() {
    check(async {
        watch_for_the_open_door();
        let mut late = 0;
        for _ in 0..40 {
            let (report, _) = evening().await;
            late += u32::from(report.done.contains(&3));
        }
        if late == 40 {
            wrong(
                "graceful-is-all-of-it",
                "Orders 3 and 4 waited in the queue at closing time, and were cooked. With a long \
                 queue the kitchen would be open all night.",
            );
        }
        if late > 0 {
            wrong(
                "select-asks-from-the-top",
                format!(
                    "On {late} of 40 evenings another dish was begun after closing time: `closing` \
                     and an order were ready at the same moment, and the order was taken."
                ),
            );
        }
    });
}

#[test]
fn whenever_it_closes_no_order_is_lost() {
    check(async {
        watch_for_the_open_door();
        for half_seconds in 0..40 {
            let moment = Duration::from_millis(500) * half_seconds;
            let (door, queue) = mpsc::channel(2);
            // Guests wait until there is a place. Who hears that there is none any more, goes.
            let guests = tokio::spawn(async move {
                let mut accepted = Vec::new();
                for number in 1..=8 {
                    let seconds = u64::from(number % 3) + 1;
                    if door.send(Order { number, seconds }).await.is_err() {
                        break;
                    }
                    accepted.push(number);
                }
                accepted
            });
            let report = run(queue, sleep(moment)).await;
            let accepted = guests.await.unwrap();
            let lost: Vec<u32> = accepted
                .iter()
                .copied()
                .filter(|&number| !is_filed(&report, number))
                .collect();
            let handed_back = report.handed_back.iter().max();
            if lost
                .iter()
                .any(|number| handed_back.is_some_and(|last| number > last))
            {
                wrong(
                    "emptied-stays-empty",
                    format!(
                        "It closed at {}, with guests waiting for a place in the queue. Orders \
                         {lost:?} were taken from them and are neither done nor handed back.",
                        seconds(moment)
                    ),
                );
            }
            assert!(
                lost.is_empty(),
                "It closed at {}. Orders {lost:?} are neither done nor handed back.",
                seconds(moment)
            );
            same("the orders that stand in two lists", twice(&report), [0; 0]);
        }
    });
}

#[test]
fn an_idle_kitchen_closes_at_once() {
    check(async {
        watch_for_the_open_door();
        let (_guest, queue) = mpsc::channel(8);
        let (report, time) = took(run(queue, sleep(Duration::from_secs(1)))).await;
        same("the time", seconds(time), "1.0 s");
        same("the dishes", report.done, [0; 0]);
    });
}

#[test]
fn without_a_closing_time_all_is_cooked() {
    check(async {
        let (guest, queue) = mpsc::channel(8);
        for number in 1..=3 {
            guest.send(Order { number, seconds: 1 }).await.unwrap();
        }
        drop(guest);
        let (report, time) = took(run(queue, std::future::pending())).await;
        same("the dishes", report.done, [1, 2, 3]);
        same("handed back", report.handed_back, [0; 0]);
        same("the time", seconds(time), "3.0 s");
    });
}
