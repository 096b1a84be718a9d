use std::future::poll_fn;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use exercises::{same, wrong};
use tokio::sync::oneshot;

use super::exercise::block_on;

/// Runs `work` on a thread of its own; nothing, if it is not done after two seconds.
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        // Nobody waits any more when it comes too late.
        let _ = done.send(work());
    });
    match is_done.recv_timeout(Duration::from_secs(2)) {
        Ok(value) => Some(value),
        Err(mpsc::RecvTimeoutError::Timeout) => None,
        Err(mpsc::RecvTimeoutError::Disconnected) => panic!("`block_on` panicked"),
    }
}

#[test]
fn what_is_ready_at_once_is_given() {
    same("the value", in_time(|| block_on(async { 42 })), Some(42));
}

#[test]
fn another_thread_wakes_it() {
    let value = in_time(|| {
        let (sender, receiver) = oneshot::channel();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            let _ = sender.send(7);
        });
        block_on(receiver)
    });
    same("the value", value, Some(Ok(7)));
}

#[test]
fn it_is_polled_when_it_is_woken_and_not_otherwise() {
    let polls = in_time(|| {
        let (sender, mut receiver) = oneshot::channel::<()>();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            drop(sender);
        });
        let mut polls = 0;
        block_on(poll_fn(|cx| {
            polls += 1;
            std::pin::Pin::new(&mut receiver).poll(cx).map(|_| ())
        }));
        polls
    });
    match polls {
        Some(polls) if polls > 5 => wrong(
            "polled-in-a-loop",
            format!("It was polled {polls} times while it waited for one wake."),
        ),
        Some(_) => {}
        None => panic!("it was woken, and did not go on"),
    }
}

#[test]
fn a_wake_that_comes_before_the_sleep_is_not_lost() {
    let value = in_time(|| {
        let mut polls = 0;
        block_on(poll_fn(|cx| {
            polls += 1;
            if polls == 1 {
                // The wake comes while it is being polled: before anybody sleeps.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(polls)
        }))
    });
    if value.is_none() {
        wrong(
            "a-wake-waits-for-the-sleeper",
            "It was woken during its poll, and then the thread went to sleep for ever.",
        );
    }
    same("the polls", value, Some(2));
}
