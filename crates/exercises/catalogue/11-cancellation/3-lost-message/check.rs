use std::cell::RefCell;
use std::time::Duration;

use exercises::{check, same, wrong};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::exercise::{Parcel, forward};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

struct Seen {
    arrived: Vec<u32>,
    /// When `forward` returned, and the longest time before that without a sign of life.
    ended: Duration,
    silence: Duration,
}

/// Six parcels are brought, one each `bringing` milliseconds, and a van with one place takes one
/// each `driving` milliseconds.
async fn post(bringing: u64, driving: u64) -> Seen {
    let (bring, counter) = mpsc::channel(1);
    let (van, mut loaded) = mpsc::channel(1);
    tokio::spawn(async move {
        for number in 1..=6 {
            sleep(Duration::from_millis(bringing)).await;
            if bring.send(Parcel { number }).await.is_err() {
                return;
            }
        }
    });
    let driver = tokio::spawn(async move {
        let mut arrived = Vec::new();
        loop {
            sleep(Duration::from_millis(driving)).await;
            match loaded.recv().await {
                Some(Parcel { number }) => arrived.push(number),
                None => return arrived,
            }
        }
    });
    let start = Instant::now();
    let signs = RefCell::new(vec![start]);
    let alive = || signs.borrow_mut().push(Instant::now());
    let ended = timeout(HOUR, forward(counter, van, alive)).await;
    assert!(
        ended.is_ok(),
        "After an hour `forward` has not returned, though no more parcels come."
    );
    let ended = Instant::now();
    signs.borrow_mut().push(ended);
    let signs = signs.into_inner();
    let silences = signs.windows(2).map(|two| two[1] - two[0]);
    Seen {
        silence: silences.max().unwrap_or_default(),
        arrived: driver.await.unwrap(),
        ended: ended - start,
    }
}

#[test]
fn every_parcel_arrives_at_a_slow_van() {
    check(async {
        // The van never comes in the same moment as a second is over.
        let seen = post(0, 2300).await;
        if seen.arrived.len() < 6 {
            wrong(
                "select-resumes",
                format!(
                    "Six parcels were brought, and a van with one place took one each 2.3 s. These \
                     arrived: {:?}. The others were waiting for a place when a sign of life was \
                     given.",
                    seen.arrived
                ),
            );
        }
        same("the parcels", seen.arrived, [1, 2, 3, 4, 5, 6]);
    });
}

#[test]
fn signs_of_life_come_each_second() {
    check(async {
        let seen = post(0, 2300).await;
        if seen.silence > SECOND {
            wrong(
                "the-arm-runs-beside",
                format!(
                    "While it waited for a place in the van, there was no sign of life for {} s.",
                    seen.silence.as_secs_f64()
                ),
            );
        }
        let seen = post(5300, 0).await;
        same("the parcels", seen.arrived, [1, 2, 3, 4, 5, 6]);
        let lived = seen.ended > 5 * SECOND && seen.silence <= SECOND;
        assert!(
            lived,
            "While it waited for a parcel, there was no sign of life for {} s.",
            seen.silence.as_secs_f64()
        );
    });
}

#[test]
fn what_has_no_place_is_left_on_the_counter() {
    check(async {
        let (bring, counter) = mpsc::channel(20);
        let (van, loaded) = mpsc::channel(1);
        for number in 1..=20 {
            bring.send(Parcel { number }).await.unwrap();
        }
        let look = async {
            sleep(SECOND / 2).await;
            bring.capacity() // of 20: how many have been taken
        };
        let taken = tokio::select! {
            taken = look => taken,
            () = forward(counter, van, || ()) => panic!("`forward` returned before the last parcel."),
        };
        drop(loaded);
        if taken > 3 {
            wrong(
                "a-task-for-each-send",
                format!(
                    "The van has one place, and nobody empties it. After half a second, {taken} of \
                     20 parcels had been taken from the counter."
                ),
            );
        }
    });
}

#[test]
fn it_ends_when_the_van_is_gone() {
    check(async {
        let (bring, counter) = mpsc::channel(1);
        let (van, loaded) = mpsc::channel(1);
        drop(loaded);
        bring.send(Parcel { number: 1 }).await.unwrap();
        let ended = timeout(HOUR, forward(counter, van, || ())).await;
        assert!(
            ended.is_ok(),
            "The van is gone, and an hour later `forward` has not returned."
        );
    });
}
