//! What the loop promises: order, durations, and that no wake is lost.

#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use event_loop::{Clock, EventLoop, now, sleep, spawn};
use futures::channel::oneshot;
use futures::future::{Either, join_all, select};

const SECOND: Duration = Duration::from_secs(1);

/// Runs `main` in virtual time.
fn run<F>(main: F) -> F::Output
where
    F: Future<Output: 'static> + 'static,
{
    EventLoop::new(Clock::Virtual)
        .unwrap()
        .block_on(main)
        .unwrap()
}

/// Answers "pending" once, and has itself woken at once.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn tasks_wait_together_and_results_come_in_the_order_of_their_handles() {
    run(async {
        let handles = [3, 1, 2].map(|seconds| {
            spawn(format!("wait({seconds})"), async move {
                sleep(SECOND * seconds).await;
                (seconds, now())
            })
        });
        assert_eq!(now(), Duration::ZERO);
        let results = join_all(handles).await;
        assert_eq!(
            results,
            [3, 1, 2].map(|seconds| (seconds, SECOND * seconds))
        );
        assert_eq!(now(), SECOND * 3);
    });
}

#[test]
fn tasks_run_in_the_order_in_which_they_were_made_and_not_before_the_next_turn() {
    let order = run(async {
        let order = Rc::new(RefCell::new(Vec::new()));
        let handles = [0, 1, 2].map(|task| {
            let order = Rc::clone(&order);
            spawn(format!("task({task})"), async move {
                order.borrow_mut().push(task);
            })
        });
        order.borrow_mut().push(9);
        join_all(handles).await;
        order.take()
    });
    assert_eq!(order, [9, 0, 1, 2]);
}

#[test]
fn timers_for_the_same_time_keep_their_order() {
    let order = run(async {
        let order = Rc::new(RefCell::new(Vec::new()));
        let handles = (0..100).map(|task| {
            let order = Rc::clone(&order);
            spawn(format!("task({task})"), async move {
                sleep(SECOND).await;
                order.borrow_mut().push(task);
            })
        });
        join_all(handles).await;
        assert_eq!(now(), SECOND);
        order.take()
    });
    assert_eq!(order, (0..100).collect::<Vec<_>>());
}

#[test]
fn a_timer_that_was_dropped_is_no_longer_waited_for() {
    let event_loop = EventLoop::new(Clock::Virtual).unwrap();
    let first = event_loop.block_on(async {
        let hour = sleep(SECOND * 3600);
        matches!(select(sleep(SECOND), hour).await, Either::Left(_))
    });
    assert!(first.unwrap());
    assert_eq!(event_loop.now(), SECOND);
    // With the timer of an hour still set, the loop would jump there instead of being stuck.
    assert!(event_loop.block_on(pending::<()>()).is_err());
    assert_eq!(event_loop.now(), SECOND);
}

#[test]
fn a_sleep_that_is_polled_too_often_has_one_timer() {
    run(async {
        let mut wait = pin!(sleep(SECOND));
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            // Woken again and again, in the first hundred turns.
            if polls < 100 {
                cx.waker().wake_by_ref();
            }
            wait.as_mut().poll(cx)
        })
        .await;
        assert_eq!((now(), polls), (SECOND, 101));
    });
}

#[test]
fn a_wake_in_the_middle_of_a_poll_is_not_lost() {
    run(async {
        let task = spawn("yields", async {
            for _ in 0..1_000 {
                yield_now().await;
            }
        });
        task.await;
        assert_eq!(now(), Duration::ZERO);
    });
}

/// A task that counts its polls and hands its waker out. It is done at its second poll.
fn spawn_counted() -> (Rc<Cell<u32>>, Rc<RefCell<Option<Waker>>>) {
    let polls = Rc::new(Cell::new(0));
    let waker = Rc::new(RefCell::new(None));
    let (count, hand_out) = (Rc::clone(&polls), Rc::clone(&waker));
    drop(spawn("counted", async move {
        poll_fn(|cx| {
            count.set(count.get() + 1);
            hand_out.replace(Some(cx.waker().clone()));
            if count.get() < 2 {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }));
    (polls, waker)
}

#[test]
fn woken_three_times_before_its_turn_a_task_is_polled_once() {
    run(async {
        let (polls, waker) = spawn_counted();
        yield_now().await;
        assert_eq!(polls.get(), 1);
        let waker = waker.take().unwrap();
        waker.wake_by_ref();
        waker.wake_by_ref();
        waker.wake();
        yield_now().await;
        yield_now().await;
        assert_eq!(polls.get(), 2);
    });
}

#[test]
fn a_wake_after_the_end_of_a_task_is_ignored() {
    run(async {
        let (polls, waker) = spawn_counted();
        yield_now().await;
        waker.borrow().as_ref().unwrap().wake_by_ref();
        yield_now().await;
        assert_eq!(polls.get(), 2);
        waker.take().unwrap().wake();
        yield_now().await;
        yield_now().await;
        assert_eq!(polls.get(), 2);
    });
}

#[test]
fn a_task_that_is_always_ready_does_not_starve_timers() {
    // In real time: virtual time stands still while somebody is ready.
    let event_loop = EventLoop::new(Clock::Real).unwrap();
    let done = event_loop.block_on(async {
        drop(spawn("always ready", async {
            loop {
                yield_now().await;
            }
        }));
        sleep(Duration::from_millis(1)).await;
        true
    });
    assert!(done.unwrap());
}

#[test]
fn another_thread_ends_the_sleep_of_the_loop() {
    let event_loop = EventLoop::new(Clock::Real).unwrap();
    let (asleep, is_asleep) = mpsc::channel();
    let (sender, receiver) = oneshot::channel();
    let thread = thread::spawn(move || {
        is_asleep.recv().unwrap();
        sender.send(123).unwrap();
    });
    let data = event_loop.block_on(async move {
        let tells = async move { asleep.send(()).unwrap() };
        // `receiver` is polled first and waits; then the thread may send.
        futures::future::join(receiver, tells).await.0
    });
    assert_eq!(data.unwrap(), Ok(123));
    thread.join().unwrap();
}

#[test]
fn block_on_returns_when_main_is_done_and_goes_on_with_the_others_next_time() {
    let event_loop = EventLoop::new(Clock::Virtual).unwrap();
    let handle = event_loop.block_on(poll_fn(|_| {
        Poll::Ready(spawn("slow", async {
            sleep(SECOND * 10).await;
            "slow"
        }))
    }));
    assert_eq!(event_loop.now(), Duration::ZERO);
    assert_eq!(event_loop.block_on(handle.unwrap()).unwrap(), "slow");
    assert_eq!(event_loop.now(), SECOND * 10);
}

#[test]
fn dropping_the_loop_drops_its_tasks_where_they_wait() {
    struct Told(Rc<RefCell<Vec<&'static str>>>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.borrow_mut().push("dropped");
        }
    }
    let log = Rc::new(RefCell::new(Vec::new()));
    let event_loop = EventLoop::new(Clock::Virtual).unwrap();
    let ours = Rc::clone(&log);
    event_loop
        .block_on(async move {
            drop(spawn("slow", async move {
                let told = Told(ours);
                sleep(SECOND * 10).await;
                told.0.borrow_mut().push("done");
            }));
            sleep(SECOND).await;
        })
        .unwrap();
    assert!(log.borrow().is_empty());
    drop(event_loop);
    assert_eq!(*log.borrow(), ["dropped"]);
}

#[test]
fn a_loop_that_nobody_can_wake_says_so() {
    let event_loop = EventLoop::new(Clock::Real).unwrap();
    let told = event_loop.block_on(async {
        let first = spawn("first", pending::<()>());
        spawn("second", first).await;
    });
    assert_eq!(
        told.unwrap_err().to_string(),
        "stuck: no timer is set, no socket is open, and nobody can wake main, first, second"
    );
    // Main is gone then; a new one can run.
    assert_eq!(event_loop.block_on(async { 123 }).unwrap(), 123);
}

#[test]
fn a_loop_in_a_loop_is_refused() {
    let told = run(async {
        let inner = EventLoop::new(Clock::Virtual).unwrap();
        inner.block_on(async {}).unwrap_err().to_string()
    });
    assert_eq!(told, "this thread runs an event loop already");
}

#[test]
fn after_the_panic_of_a_task_the_loop_goes_on_with_the_others() {
    let event_loop = EventLoop::new(Clock::Virtual).unwrap();
    let ran = Rc::new(Cell::new(false));
    let runs = Rc::clone(&ran);
    let panics = catch_unwind(AssertUnwindSafe(|| {
        event_loop.block_on(async move {
            drop(spawn("panics", async { panic!("on purpose") }));
            drop(spawn("in the same turn", async move { runs.set(true) }));
            pending::<()>().await;
        })
    }));
    assert!(panics.is_err());
    assert!(!ran.get());
    event_loop.block_on(yield_now()).unwrap();
    assert!(ran.get());
}

#[test]
#[should_panic(expected = "there is no running event loop")]
fn sleep_needs_a_loop() {
    drop(sleep(SECOND));
}

#[test]
#[should_panic(
    expected = "there is no reactor running, must be called from the context of a Tokio"
)]
fn a_timer_of_tokio_does_not_work_on_another_loop() {
    run(async { tokio::time::sleep(SECOND).await });
}

#[test]
fn what_needs_only_wakers_works_on_every_loop() {
    run(async {
        // From the futures crate: thirty-one or more are polled with wakers of their own.
        let all = join_all((0..100).map(|task| async move {
            sleep(SECOND * (task % 3)).await;
            task
        }));
        assert_eq!(all.await, (0..100).collect::<Vec<_>>());
        assert_eq!(now(), SECOND * 2);

        // From tokio: its channels and locks.
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let producer = spawn("producer", async move {
            for number in 0..100 {
                sender.send(number).await.unwrap();
            }
        });
        let mut sum = 0;
        while let Some(number) = receiver.recv().await {
            sum += number;
        }
        producer.await;
        assert_eq!(sum, 4950);
    });
}

#[test]
fn ten_thousand_tasks_wait_together() {
    run(async {
        let handles = (0..10_000).map(|task| {
            spawn(format!("task({task})"), async move {
                sleep(SECOND).await;
                task
            })
        });
        assert_eq!(join_all(handles).await.len(), 10_000);
        assert_eq!(now(), SECOND);
    });
}
