//! What `Cache` promises, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache::{Cache, Error, Info, Policy};
use futures::future::join_all;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

type Reports = Cache<String, u32, io::Error>;

/// What the next calls answer; when there is nothing more in it, their number.
type Script = Arc<Mutex<Vec<End>>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Well,
    InAnError,
    InAPanic,
    Never,
}

/// A cache in front of calls of a second, and how many there were.
fn reports(policy: Policy, script: &[End]) -> (Reports, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&calls);
    let script: Script = Arc::new(Mutex::new(script.iter().rev().copied().collect()));
    let reports = Cache::new(policy, move |_city: String| {
        let call = counter.fetch_add(1, Ordering::Relaxed) + 1;
        let end = script.lock().unwrap().pop().unwrap_or(End::Well);
        async move {
            sleep(SECOND).await;
            match end {
                End::Well => Ok(call),
                End::InAnError => Err(io::Error::other("no answer")),
                End::InAPanic => panic!("a bug"),
                End::Never => std::future::pending().await,
            }
        }
    });
    (reports, calls)
}

/// Kept for a minute.
fn minute() -> Policy {
    Policy::new(1000, Duration::from_mins(1))
}

fn calls(counter: &AtomicU32) -> u32 {
    counter.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn a_hundred_callers_share_one_call() {
    let (reports, counter) = reports(minute(), &[]);
    let start = Instant::now();
    let answers = join_all((0..100).map(|_| reports.get("Oslo"))).await;
    assert_eq!(start.elapsed(), SECOND);
    assert!(answers.into_iter().all(|answer| answer.unwrap() == 1));
    assert_eq!(calls(&counter), 1);
    assert_eq!(reports.get("Oslo").await.unwrap(), 1);
    assert_eq!(start.elapsed(), SECOND, "the last one did not wait");
    let info = reports.info();
    assert_eq!((info.misses, info.joined, info.hits), (1, 99, 1));
}

#[tokio::test(start_paused = true)]
async fn another_key_does_not_wait() {
    let (reports, counter) = reports(minute(), &[]);
    let start = Instant::now();
    let (first, second) = tokio::join!(reports.get("Oslo"), reports.get("Rome"));
    assert_ne!(first.unwrap(), second.unwrap());
    assert_eq!(start.elapsed(), SECOND);
    assert_eq!(calls(&counter), 2);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_does_not_cost_the_others_their_answer() {
    let (reports, counter) = reports(minute(), &[]);
    let start = Instant::now();
    let impatient = timeout(SECOND / 2, reports.get("Oslo"));
    let (gone, answer) = tokio::join!(impatient, reports.get("Oslo"));
    assert!(gone.is_err());
    assert_eq!(answer.unwrap(), 1);
    assert_eq!(start.elapsed(), SECOND);
    assert_eq!(calls(&counter), 1);
}

#[tokio::test(start_paused = true)]
async fn when_all_give_up_the_answer_is_kept_all_the_same() {
    let (reports, counter) = reports(minute(), &[]);
    assert!(timeout(SECOND / 2, reports.get("Oslo")).await.is_err());
    assert_eq!(reports.info().flights, 1);
    sleep(SECOND).await;
    let start = Instant::now();
    assert_eq!(reports.get("Oslo").await.unwrap(), 1);
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(calls(&counter), 1);
}

#[tokio::test(start_paused = true)]
async fn a_future_that_nobody_polls_begins_no_fetch() {
    let (reports, counter) = reports(minute(), &[]);
    drop(reports.get("Oslo"));
    yield_now().await;
    assert_eq!(calls(&counter), 0);
    assert_eq!(reports.info(), Info::default());
}

#[tokio::test(start_paused = true)]
async fn everybody_has_the_same_error_and_the_next_caller_tries_again() {
    let (reports, counter) = reports(minute(), &[End::InAnError]);
    let (first, second) = tokio::join!(reports.get("Oslo"), reports.get("Oslo"));
    let (Err(Error::Fetch(first)), Err(Error::Fetch(second))) = (first, second) else {
        panic!("two errors");
    };
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(calls(&counter), 1);
    assert_eq!(reports.info().entries, 0);

    assert_eq!(reports.get("Oslo").await.unwrap(), 2);
    assert_eq!(reports.info().errors, 1);
}

#[tokio::test(start_paused = true)]
async fn an_error_is_kept_for_as_long_as_the_policy_says() {
    let policy = Policy {
        errors: 5 * SECOND,
        ..minute()
    };
    let (reports, counter) = reports(policy, &[End::InAnError]);
    assert!(reports.get("Oslo").await.is_err());
    sleep(5 * SECOND - Duration::from_millis(1)).await;
    assert!(reports.get("Oslo").await.is_err());
    assert_eq!(calls(&counter), 1);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(reports.get("Oslo").await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_error_to_those_who_wait_and_the_next_caller_tries_again() {
    let (reports, counter) = reports(minute(), &[End::InAPanic]);
    let (first, second) = tokio::join!(reports.get("Oslo"), reports.get("Oslo"));
    for answer in [first, second] {
        let error = answer.unwrap_err();
        assert!(matches!(error, Error::Lost));
        assert!(error.to_string().contains("it panicked"), "{error}");
    }
    assert_eq!(reports.info().flights, 0);
    assert_eq!(reports.get("Oslo").await.unwrap(), 2);
    assert_eq!(calls(&counter), 2);
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_the_first_await_is_no_different() {
    let reports: Reports = Cache::new(minute(), |_| -> std::future::Ready<_> { panic!("a bug") });
    assert!(matches!(reports.get("Oslo").await, Err(Error::Lost)));
    assert_eq!(reports.info().flights, 0);
}

#[tokio::test(start_paused = true)]
async fn a_value_is_fresh_until_its_time_is_over_and_not_a_moment_longer() {
    let (reports, counter) = reports(Policy::new(1000, 10 * SECOND), &[]);
    reports.get("Oslo").await.unwrap();
    sleep(10 * SECOND - Duration::from_millis(1)).await;
    assert_eq!(reports.get("Oslo").await.unwrap(), 1);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(reports.get("Oslo").await.unwrap(), 2);
    assert_eq!(calls(&counter), 2);
    let info = reports.info();
    assert_eq!((info.hits, info.misses, info.expired), (1, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_time_to_live_of_the_largest_duration_is_for_ever() {
    let policy = Policy {
        stale: Duration::MAX,
        ..Policy::new(1000, Duration::MAX)
    };
    let (reports, _) = reports(policy, &[]);
    reports.get("Oslo").await.unwrap();
    sleep(Duration::from_hours(24 * 365)).await;
    assert_eq!(reports.get("Oslo").await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stale_value_is_handed_out_while_one_call_brings_a_new_one() {
    let policy = Policy {
        stale: 10 * SECOND,
        ..Policy::new(1000, 10 * SECOND)
    };
    let (reports, counter) = reports(policy, &[]);
    reports.get("Oslo").await.unwrap();
    sleep(10 * SECOND).await;
    let start = Instant::now();
    for _ in 0..50 {
        assert_eq!(reports.get("Oslo").await.unwrap(), 1);
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    sleep(2 * SECOND).await;
    assert_eq!(reports.get("Oslo").await.unwrap(), 2);
    assert_eq!(calls(&counter), 2);
    assert_eq!((reports.info().stale, reports.info().hits), (50, 1));

    // Fetched at 12 s. From 32 s on it is too old for that.
    sleep(20 * SECOND).await;
    assert_eq!(reports.get("Oslo").await.unwrap(), 3);
    assert_eq!(reports.info().expired, 1);
}

#[tokio::test(start_paused = true)]
async fn while_no_new_one_can_be_fetched_the_stale_value_serves() {
    let policy = Policy {
        stale: 10 * SECOND,
        errors: Duration::from_mins(1),
        ..Policy::new(1000, 10 * SECOND)
    };
    let (reports, _) = reports(policy, &[End::Well, End::InAnError]);
    reports.get("Oslo").await.unwrap();
    sleep(10 * SECOND).await;
    assert_eq!(reports.get("Oslo").await.unwrap(), 1);
    sleep(2 * SECOND).await;
    // The second call has failed.
    assert_eq!(reports.info().errors, 1);
    assert_eq!(reports.get("Oslo").await.unwrap(), 1);
    sleep(2 * SECOND).await;
    assert_eq!(reports.get("Oslo").await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_scan_of_a_hundred_thousand_keys_leaves_a_thousand() {
    let numbers = Cache::new(minute(), |n: u32| async move { io::Result::Ok(n) });
    for n in 0..100_000 {
        assert_eq!(numbers.get(&n).await.unwrap(), n);
        if n % 1000 == 0 {
            assert!(numbers.info().entries <= 1000);
        }
    }
    let info = numbers.info();
    assert_eq!((info.entries, info.evicted), (1000, 99_000));
    assert_eq!(info.flights, 0);
}

#[tokio::test(start_paused = true)]
async fn a_flight_is_not_evicted_from_under_those_who_wait() {
    let counter = Arc::new(AtomicU32::new(0));
    let slow_calls = Arc::clone(&counter);
    let numbers = Cache::new(Policy::new(1, Duration::from_mins(1)), move |n: u64| {
        slow_calls.fetch_add(u32::from(n == 10), Ordering::Relaxed);
        async move {
            sleep(Duration::from_millis(n * 100)).await;
            io::Result::Ok(n)
        }
    });
    let others = async {
        for n in 0..4 {
            numbers.get(&n).await.unwrap();
        }
        // While the capacity is used up, and more than once.
        assert_eq!(numbers.info().evicted, 3);
        numbers.get(&10).await.unwrap()
    };
    let (first, second) = tokio::join!(numbers.get(&10), others);
    assert_eq!((first.unwrap(), second), (10, 10));
    assert_eq!(calls(&counter), 1);
    assert_eq!(numbers.info().entries, 1);
}

#[tokio::test(start_paused = true)]
async fn without_room_callers_still_share_a_flight() {
    let (reports, counter) = reports(Policy::new(0, Duration::from_mins(1)), &[]);
    let (first, second) = tokio::join!(reports.get("Oslo"), reports.get("Oslo"));
    assert_eq!((first.unwrap(), second.unwrap()), (1, 1));
    assert_eq!(reports.get("Oslo").await.unwrap(), 2);
    assert_eq!(calls(&counter), 2);
    let info = reports.info();
    assert_eq!((info.entries, info.evicted), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_fetched_before_an_invalidation_is_not_kept_after_it() {
    let (reports, counter) = reports(minute(), &[]);
    let later = async {
        sleep(SECOND / 2).await;
        reports.invalidate("Oslo");
        reports.get("Oslo").await.unwrap()
    };
    let (before, after) = tokio::join!(reports.get("Oslo"), later);
    assert_eq!((before.unwrap(), after), (1, 2));
    assert_eq!(reports.get("Oslo").await.unwrap(), 2);
    assert_eq!(calls(&counter), 2);
}

#[tokio::test(start_paused = true)]
async fn a_flight_from_before_an_invalidation_does_not_end_the_one_after_it() {
    let (reports, counter) = reports(minute(), &[]);
    let after = async {
        sleep(SECOND / 2).await;
        reports.invalidate("Oslo");
        reports.get("Oslo").await.unwrap()
    };
    let late = async {
        // The first has landed, the second has not.
        sleep(SECOND * 5 / 4).await;
        assert_eq!(reports.info().flights, 1);
        reports.get("Oslo").await.unwrap()
    };
    let (_, after, late) = tokio::join!(reports.get("Oslo"), after, late);
    assert_eq!((after, late), (2, 2));
    assert_eq!(calls(&counter), 2);
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_forgets_a_value_and_leaves_the_others() {
    let (reports, _) = reports(minute(), &[]);
    reports.get("Oslo").await.unwrap();
    reports.get("Rome").await.unwrap();
    reports.invalidate("Oslo");
    reports.invalidate("Bern");
    assert_eq!(reports.get("Rome").await.unwrap(), 2);
    assert_eq!(reports.get("Oslo").await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_never_ends_holds_up_its_key_unless_it_has_a_timeout() {
    let (reports, counter) = reports(minute(), &[End::Never]);
    for _ in 0..3 {
        assert!(timeout(10 * SECOND, reports.get("Oslo")).await.is_err());
    }
    assert_eq!(calls(&counter), 1, "all waited for the same call");
    // The way out that the cache has.
    reports.invalidate("Oslo");
    let next = timeout(10 * SECOND, reports.get("Oslo")).await;
    assert_eq!(next.unwrap().unwrap(), 2);

    let with_timeout: Reports = Cache::new(minute(), |_| async {
        timeout(SECOND, std::future::pending()).await?
    });
    let error = with_timeout.get("Oslo").await.unwrap_err();
    assert_eq!(error.to_string(), "timed out");
    assert_eq!(with_timeout.info().flights, 0);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_asks_for_its_own_key_waits_for_itself() {
    let myself: Arc<Mutex<Option<Reports>>> = Arc::default();
    let inside = Arc::clone(&myself);
    let reports: Reports = Cache::new(minute(), move |city: String| {
        let reports = inside.lock().unwrap().clone();
        async move {
            let reports = reports.ok_or(io::ErrorKind::NotFound)?;
            reports.get(city.as_str()).await.map_err(io::Error::other)
        }
    });
    *myself.lock().unwrap() = Some(reports.clone());
    let hour = Duration::from_hours(1);
    assert!(timeout(hour, reports.get("Oslo")).await.is_err());
    assert_eq!(reports.info().joined, 1);
}

#[tokio::test(start_paused = true)]
async fn every_call_is_counted_once() {
    let policy = Policy {
        stale: 2 * SECOND,
        ..Policy::new(2, 2 * SECOND)
    };
    let (reports, counter) = reports(policy, &[End::Well, End::InAnError]);
    let mut asked = 0;
    for round in 0..20_u32 {
        for city in ["Oslo", "Rome", "Bern"].iter().take(round as usize % 4) {
            let pair = tokio::join!(reports.get(*city), reports.get(*city));
            drop(pair);
            asked += 2;
        }
        sleep(SECOND * (round % 3)).await;
    }
    sleep(10 * SECOND).await;
    let info = reports.info();
    assert_eq!(info.hits + info.stale + info.joined + info.misses, asked);
    assert_eq!(info.errors, 1);
    assert!(info.expired <= info.misses && info.stale > 0 && info.evicted > 0);
    // A call for each miss, and for some of the stale ones.
    assert!(u64::from(calls(&counter)) >= info.misses);
    assert!(u64::from(calls(&counter)) <= info.misses + info.stale);
}

#[test]
fn on_several_threads_each_key_is_fetched_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let counter = Arc::new(AtomicU32::new(0));
        let fetched = Arc::clone(&counter);
        let numbers = Cache::new(minute(), move |n: u32| {
            fetched.fetch_add(1, Ordering::Relaxed);
            async move {
                yield_now().await;
                io::Result::Ok(n)
            }
        });
        let callers = (0..1000_u32).map(|caller| {
            let numbers = numbers.clone();
            tokio::spawn(async move { numbers.get(&(caller % 10)).await.unwrap() })
        });
        for (caller, answer) in (0..).zip(join_all(callers).await) {
            assert_eq!(answer.unwrap(), caller % 10);
        }
        assert_eq!(calls(&counter), 10);
    });
}

#[test]
fn without_a_runtime_it_panics_and_nothing_is_left_behind() {
    let (reports, counter) = reports(minute(), &[]);
    let mut get = Box::pin(reports.get("Oslo"));
    let poll = std::panic::AssertUnwindSafe(|| {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        get.as_mut().poll(&mut context).is_ready()
    });
    assert!(std::panic::catch_unwind(poll).is_err());
    drop(get);
    assert_eq!(reports.info().flights, 0);
    assert_eq!(calls(&counter), 0);
}

#[test]
fn a_runtime_that_is_shut_down_loses_the_flight_and_nobody_hangs() {
    let (reports, _) = reports(minute(), &[]);
    let gone = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let handle = gone.handle().clone();
    gone.shutdown_background();
    let here = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    // In a thread of its own: a deadlock shall fail this test, not stop it.
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        here.block_on(async {
            let _entered = handle.enter();
            let lost = matches!(reports.get("Oslo").await, Err(Error::Lost));
            sender.send((lost, reports.info().flights)).unwrap();
        });
    });
    let answer = receiver.recv_timeout(Duration::from_secs(10));
    assert_eq!(answer, Ok((true, 0)));
}

#[tokio::test(start_paused = true)]
async fn the_line_of_figures_names_them_all() {
    let (reports, _) = reports(minute(), &[]);
    reports.get("Oslo").await.unwrap();
    assert_eq!(
        reports.info().to_string(),
        "hits=0 stale=0 joined=0 misses=1 expired=0 evicted=0 errors=0 entries=1 flights=0"
    );
}
