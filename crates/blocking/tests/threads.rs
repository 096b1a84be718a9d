//! What the chapter says of blocking on a runtime with several threads. Two tasks try to meet: one
//! blocks its thread until the other one has spoken, or a limit is over.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::block_in_place;
use tokio::time::sleep;

/// For what must happen: a test that waits longer has failed.
const LONG: Duration = Duration::from_mins(1);

/// For what does not happen.
const SHORT: Duration = Duration::from_millis(60);

fn runtime(threads: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(threads)
        .enable_all()
        .build()
        .unwrap()
}

fn heard(other: &Receiver<()>, limit: Duration) -> bool {
    other.recv_timeout(limit).is_ok()
}

fn heard_in_place(other: &Receiver<()>, limit: Duration) -> bool {
    block_in_place(|| heard(other, limit))
}

/// One waits for a timer and then blocks; the other one is due meanwhile.
fn timer(listen: fn(&Receiver<()>, Duration) -> bool, limit: Duration) -> bool {
    runtime(2).block_on(async {
        let (speak, other) = mpsc::channel();
        tokio::spawn(async move {
            sleep(SHORT / 2).await;
            speak.send(())
        });
        let task = tokio::spawn(async move {
            sleep(SHORT / 6).await;
            listen(&other, limit)
        });
        task.await.unwrap()
    })
}

/// One wakes the other, and blocks.
fn slot(listen: fn(&Receiver<()>, Duration) -> bool, limit: Duration) -> bool {
    runtime(4).block_on(async {
        let (speak, other) = mpsc::channel();
        let (wake, woken) = oneshot::channel();
        tokio::spawn(async move {
            woken.await.unwrap();
            speak.send(())
        });
        let task = tokio::spawn(async move {
            sleep(SHORT / 6).await;
            wake.send(()).unwrap();
            listen(&other, limit)
        });
        task.await.unwrap()
    })
}

/// On a machine that is busy, two timers may go off at once, and then they do meet.
fn ever_missed(try_to_meet: impl Fn() -> bool) -> bool {
    (0..20).any(|_| !try_to_meet())
}

#[test]
fn who_blocks_after_a_timer_keeps_the_timers_from_everyone() {
    assert!(ever_missed(|| timer(heard, 2 * SHORT)));
    assert!(timer(heard_in_place, LONG));
}

#[test]
fn who_wakes_another_and_blocks_keeps_it_from_running() {
    assert!(ever_missed(|| slot(heard, SHORT)));
    assert!(slot(heard_in_place, LONG));
}

#[test]
fn two_that_a_third_one_wakes_do_run_side_by_side() {
    let (to_second, second) = mpsc::channel();
    let (to_first, first) = mpsc::channel();
    runtime(2).block_on(async {
        let tasks = [(to_second, first), (to_first, second)].map(|(speak, other)| {
            let (wake, woken) = oneshot::channel();
            let task = tokio::spawn(async move {
                woken.await.unwrap();
                speak.send(()).is_ok() && heard(&other, LONG)
            });
            (wake, task)
        });
        let [(wake_first, first), (wake_second, second)] = tasks;
        tokio::spawn(async {
            sleep(SHORT / 6).await;
            wake_first.send(()).unwrap();
            wake_second.send(()).unwrap();
        });
        assert!(first.await.unwrap() && second.await.unwrap());
    });
}

#[test]
fn in_place_the_other_futures_of_the_same_task_stand_still() {
    let (speak, other) = mpsc::channel();
    let task = async move {
        let block = async move { heard_in_place(&other, SHORT) };
        tokio::join!(block, async { speak.send(()) }).0
    };
    assert!(!runtime(2).block_on(task));
}

#[test]
fn in_place_a_call_may_borrow() {
    runtime(2).block_on(async {
        let task = tokio::spawn(async {
            let mut list = vec![3, 1, 2];
            // `spawn_blocking` would have to own it.
            block_in_place(|| list.sort_unstable());
            list
        });
        assert_eq!(task.await.unwrap(), [1, 2, 3]);
    });
}
