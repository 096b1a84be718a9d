//! A future by hand: what `await` talks to, written out.
//!
//! You will see a value that comes later and wakes whoever waits for it; an `async fn` beside the
//! state machine that the compiler makes of it; two futures joined in one task; and a future that
//! nobody will ever wake, caught.
//!
//! ```console
//! $ cargo run -p future-by-hand
//! ```
//!
//! In Python: `future = loop.create_future()`, `loop.call_later(1, future.set_result, 123)`,
//! `data = await future`; and a class with `__await__`.

mod watch;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use common::{Stage, Trace as _};
use tokio::time::{Instant, sleep, timeout};

use watch::watch;

const SECOND: Duration = Duration::from_secs(1);

// ---- A value that comes later ----

/// A value that is not there yet: `asyncio.Future`.
struct Eventual<T>(Arc<Mutex<Shared<T>>>);

/// What the future shares with whoever will bring the value.
struct Shared<T> {
    value: Option<T>,
    /// Who is to be told when the value comes.
    waker: Option<Waker>,
}

impl<T> Future for Eventual<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // One lock over both steps: a value that came between "is it there?" and "wake me" would
        // wake nobody.
        let mut shared = lock(&self.0);
        if let Some(value) = shared.value.take() {
            return Poll::Ready(value);
        }
        // At every poll, not only at the first: another task may be polling now.
        shared.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Brings the value, and wakes whoever waits for it: `future.set_result(value)`.
fn set_result<T>(shared: &Mutex<Shared<T>>, value: T) {
    let waker = {
        let mut shared = lock(shared);
        shared.value = Some(value);
        shared.waker.take()
    };
    // There is no waker yet when the value comes before the first poll, which will find it.
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// A timer that brings `value` after `delay`. It runs from now on, awaited or not.
fn later<T: Send + 'static>(delay: Duration, value: T) -> Eventual<T> {
    let shared = Arc::new(Mutex::new(Shared {
        value: None,
        waker: None,
    }));
    let ours = Eventual(Arc::clone(&shared));
    // The alarm clock is tokio's; the next chapter builds one. A thread would do as well.
    tokio::spawn(async move {
        sleep(delay).await;
        set_result(&shared, value);
    });
    ours
}

/// Locks, also after somebody panicked with the lock held: what we keep in it stays in order.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// ---- The same function twice ----

/// Task 1 takes one second, task 2 takes two.
async fn fetch_data(task: u32) -> String {
    println!("Start fetching for task {task}");
    let data = later(SECOND * task, 123).await;
    println!("Done fetching for task {task}");
    format!("task {task}: {data}")
}

/// `fetch_data` as a state machine: a variant for each place where it can stand, with what it has
/// to remember there.
enum FetchData {
    Start { task: u32 },
    Waiting { task: u32, data: Eventual<u32> },
    Done,
}

impl Future for FetchData {
    type Output = String;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<String> {
        // A loop, because one poll goes as far as it can.
        loop {
            match &mut *self {
                Self::Start { task } => {
                    let task = *task;
                    println!("Start fetching for task {task}");
                    let data = later(SECOND * task, 123);
                    *self = Self::Waiting { task, data };
                }
                Self::Waiting { task, data } => {
                    // `ready!` leaves the function if the answer is `Poll::Pending`.
                    let data = ready!(Pin::new(data).poll(cx));
                    println!("Done fetching for task {task}");
                    let output = format!("task {task}: {data}");
                    *self = Self::Done;
                    return Poll::Ready(output);
                }
                Self::Done => panic!("`FetchData` polled after completion"),
            }
        }
    }
}

// ---- Two in one task ----

/// Polls both futures until both are done.
async fn join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    // From here on neither can be moved, so both may be polled.
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut first, mut second) = (None, None);
    poll_fn(|cx| {
        // A future that is done must not be polled again.
        if first.is_none()
            && let Poll::Ready(output) = a.as_mut().poll(cx)
        {
            first = Some(output);
        }
        if second.is_none()
            && let Poll::Ready(output) = b.as_mut().poll(cx)
        {
            second = Some(output);
        }
        match (first.take(), second.take()) {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            unfinished => {
                (first, second) = unfinished;
                Poll::Pending
            }
        }
    })
    .await
}

// ---- Nobody wakes it ----

/// Answers "pending" and forgets who asked.
struct Forgetful;

impl Future for Forgetful {
    type Output = u32;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u32> {
        Poll::Pending
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage = Stage::new("A future by hand: what `await` talks to, written out.")
        .begin()
        .await;

    // A waker that does nothing will do where we know ourselves when to poll again.
    let mut cx = Context::from_waker(Waker::noop());
    let mut data = later(SECOND, 123);
    println!("first poll: {:?}", Pin::new(&mut data).poll(&mut cx));
    println!("too early: {:?}", Pin::new(&mut data).poll(&mut cx));
    sleep(SECOND * 2).await;
    println!("after 2 s: {:?}", Pin::new(&mut data).poll(&mut cx));

    stage.scene("by the compiler and by hand");
    let compiled = watch(fetch_data(1)).traced("fetch_data(1)").await;
    println!("by the compiler: {compiled}");
    let by_hand = watch(FetchData::Start { task: 1 })
        .traced("FetchData(1)")
        .await;
    println!("by hand: {by_hand}");
    println!(
        "size of fetch_data(1): {} bytes",
        size_of_val(&fetch_data(1))
    );
    println!("size of FetchData: {} bytes", size_of::<FetchData>());

    stage.scene("join");
    let start = Instant::now();
    let (two, one) = join(
        watch(fetch_data(2)).traced("fetch_data(2)"),
        watch(FetchData::Start { task: 1 }).traced("FetchData(1)"),
    )
    .await;
    println!("joined: {two}");
    println!("joined: {one}");
    println!("join: {:.1} s", start.elapsed().as_secs_f64());

    stage.scene("from task to task");
    let start = Instant::now();
    let mut data = later(SECOND * 2, 123).traced("later(2, 123)");
    if timeout(SECOND, &mut data).await.is_err() {
        println!("given up after {:.1} s", start.elapsed().as_secs_f64());
    }
    match tokio::spawn(watch(data)).await {
        Ok(data) => println!("in another task: {data}"),
        Err(error) => println!("in another task: {error}"),
    }
    println!("from task to task: {:.1} s", start.elapsed().as_secs_f64());

    let start = Instant::now();
    if timeout(SECOND, Forgetful).await.is_err() {
        println!(
            "forgetful: not done after {:.1} s",
            start.elapsed().as_secs_f64()
        );
    }
    println!("forgetful: {}", watch(Forgetful).await);
    stage.finish()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;
    use std::thread;

    use super::*;
    use common::timeline::{self, What};
    use watch::Watched;

    fn eventual<T>() -> (Arc<Mutex<Shared<T>>>, Eventual<T>) {
        let shared = Arc::new(Mutex::new(Shared {
            value: None,
            waker: None,
        }));
        (Arc::clone(&shared), Eventual(shared))
    }

    #[derive(Default)]
    struct Calls(AtomicU32);

    impl Calls {
        fn count(&self) -> u32 {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Wake for Calls {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Fails where `future` would wait forever: the paused clock jumps to the end of the hour.
    async fn within_an_hour<F: Future>(future: F) -> F::Output {
        timeout(SECOND * 3600, future).await.unwrap()
    }

    fn poll_with<F: Future + Unpin>(future: &mut F, calls: &Arc<Calls>) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(calls));
        Pin::new(future).poll(&mut Context::from_waker(&waker))
    }

    #[test]
    fn the_value_wakes_whoever_polled_last_and_once() {
        let (shared, mut data) = eventual();
        let (first, last) = (Arc::default(), Arc::default());
        assert_eq!(poll_with(&mut data, &first), Poll::Pending);
        assert_eq!(poll_with(&mut data, &last), Poll::Pending);
        set_result(&shared, 123);
        assert_eq!((first.count(), last.count()), (0, 1));
        assert_eq!(poll_with(&mut data, &last), Poll::Ready(123));
        assert_eq!(last.count(), 1);
    }

    #[test]
    fn polls_too_many_do_no_harm() {
        let (shared, mut data) = eventual();
        let calls = Arc::default();
        for _ in 0..1_000 {
            assert_eq!(poll_with(&mut data, &calls), Poll::Pending);
        }
        // Ours, and the one that the future keeps: earlier ones are gone.
        assert_eq!(Arc::strong_count(&calls), 2);
        set_result(&shared, 123);
        assert_eq!(poll_with(&mut data, &calls), Poll::Ready(123));
        assert_eq!(calls.count(), 1);
    }

    #[test]
    fn a_value_before_the_first_poll_is_found_by_it() {
        let (shared, mut data) = eventual();
        set_result(&shared, 123);
        let calls = Arc::default();
        assert_eq!(poll_with(&mut data, &calls), Poll::Ready(123));
        assert_eq!(calls.count(), 0);
    }

    #[test]
    fn a_value_for_a_future_that_was_dropped_is_no_mistake() {
        let (shared, mut data) = eventual();
        let calls = Arc::default();
        assert_eq!(poll_with(&mut data, &calls), Poll::Pending);
        drop(data);
        set_result(&shared, 123);
        assert_eq!(calls.count(), 1);
    }

    #[tokio::test]
    async fn a_thread_brings_the_value_and_wakes_the_task() {
        let (shared, data) = eventual();
        let (go, gone) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            gone.recv().unwrap();
            set_result(&shared, thread::current().id());
        });
        let (id, ()) = join(data, async {
            // The first poll of `data` is over: it waits.
            go.send(()).unwrap();
        })
        .await;
        assert_eq!(id, thread.thread().id());
        thread.join().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_runs_from_its_making_on() {
        let start = Instant::now();
        let data = later(SECOND * 2, 123);
        sleep(SECOND).await;
        assert_eq!(within_an_hour(data).await, 123);
        assert_eq!(start.elapsed(), SECOND * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_state_machine_by_hand_does_what_the_compiler_s_does() {
        async fn run(future: impl Future<Output = String>) -> (String, Duration, Vec<What>) {
            let start = Instant::now();
            let (output, recording) =
                timeline::record(async { within_an_hour(future.traced("fetch_data")).await }).await;
            let events = recording.events.into_iter();
            (output, start.elapsed(), events.map(|e| e.what).collect())
        }
        let compiled = run(async { fetch_data(2).await }).await;
        let by_hand = run(FetchData::Start { task: 2 }).await;
        assert_eq!(by_hand, compiled);
        assert_eq!(by_hand.1, SECOND * 2);
        let polls = by_hand
            .2
            .iter()
            .filter(|what| matches!(what, What::Poll { .. }));
        assert_eq!(polls.count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn neither_runs_before_it_is_polled() {
        // A timer that had begun with the call would be over by now.
        let (compiled, by_hand) = (fetch_data(1), FetchData::Start { task: 1 });
        sleep(SECOND * 5).await;
        for future in [
            Box::pin(compiled) as Pin<Box<dyn Future<Output = String>>>,
            Box::pin(by_hand),
        ] {
            let start = Instant::now();
            within_an_hour(future).await;
            assert_eq!(start.elapsed(), SECOND);
        }
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "`async fn` resumed after completion")]
    async fn an_async_fn_polled_after_completion_panics() {
        let mut future = pin!(fetch_data(1));
        within_an_hour(future.as_mut()).await;
        future.as_mut().await;
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "`FetchData` polled after completion")]
    async fn so_does_ours() {
        let mut future = FetchData::Start { task: 1 };
        within_an_hour(&mut future).await;
        within_an_hour(&mut future).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_eventual_polled_after_completion_waits_forever_and_watch_does_not_see_it() {
        let mut data = later(SECOND, 123);
        assert_eq!(within_an_hour(&mut data).await, 123);
        // It keeps the waker, so a copy is left; but nobody will use it.
        assert!(timeout(SECOND * 3600, watch(data)).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn joined_futures_take_as_long_as_the_longer_one() {
        let start = Instant::now();
        let both = join(watch(fetch_data(2)), watch(fetch_data(1)));
        let (two, one) = within_an_hour(both).await;
        assert_eq!(start.elapsed(), SECOND * 2);
        let done = |output: &str, polls| Watched::Done {
            output: output.to_owned(),
            polls,
        };
        // Two was polled when one was woken.
        assert_eq!(two, done("task 2: 123", 3));
        assert_eq!(one, done("task 1: 123", 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_gives_up_and_another_task_takes_over() {
        let start = Instant::now();
        let mut data = later(SECOND * 2, 123);
        assert!(timeout(SECOND, &mut data).await.is_err());
        assert_eq!(within_an_hour(tokio::spawn(data)).await.unwrap(), 123);
        assert_eq!(start.elapsed(), SECOND * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_future_that_nobody_can_wake_is_found_at_once() {
        let start = Instant::now();
        assert_eq!(watch(Forgetful).await, Watched::PendingForever);
        let nested = async { join(fetch_data(0), Forgetful).await.1 };
        assert_eq!(watch(nested).await, Watched::PendingForever);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_future_that_is_woken_during_its_poll_is_not_lost() {
        let mut polls = 0;
        let yields = poll_fn(|cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls < 3 {
                Poll::Pending
            } else {
                Poll::Ready("done")
            }
        });
        let done = Watched::Done {
            output: "done",
            polls: 3,
        };
        assert_eq!(watch(yields).await, done);
        assert!(matches!(
            watch(tokio::task::yield_now()).await,
            Watched::Done { polls: 2, .. }
        ));
    }

    #[test]
    fn a_future_holds_what_it_must_remember_across_its_await() {
        assert!(size_of::<FetchData>() <= size_of_val(&fetch_data(1)));
        assert!(size_of::<FetchData>() >= size_of::<Eventual<u32>>() + size_of::<u32>());
    }
}
