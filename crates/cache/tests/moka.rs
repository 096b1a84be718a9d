//! The same questions to moka, and what it answers.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use moka::future::Cache;
use moka::notification::RemovalCause;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// Calls of a second, that answer with their number.
#[derive(Clone, Default)]
struct Upstream(Arc<AtomicU32>);

impl Upstream {
    async fn fetch(self) -> u32 {
        let call = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        sleep(SECOND).await;
        call
    }

    async fn fail(self) -> io::Result<u32> {
        self.fetch().await;
        Err(io::Error::other("no answer"))
    }

    fn calls(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_callers_share_one_call() {
    let (reports, upstream) = (Cache::new(1000), Upstream::default());
    let start = Instant::now();
    let callers = (0..100).map(|_| reports.get_with("Oslo", upstream.clone().fetch()));
    assert_eq!(join_all(callers).await, [1; 100]);
    assert_eq!(start.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_takes_the_call_along_and_another_caller_begins_anew() {
    let (reports, upstream) = (Cache::new(1000), Upstream::default());
    let start = Instant::now();
    let get = || reports.get_with("Oslo", upstream.clone().fetch());
    let (gone, answer) = tokio::join!(timeout(SECOND / 2, get()), get());
    assert!(gone.is_err());
    assert_eq!(answer, 2);
    assert_eq!(start.elapsed(), SECOND * 3 / 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_in_a_task_of_its_own_survives_who_gives_up() {
    let (reports, upstream) = (Cache::new(1000), Upstream::default());
    let start = Instant::now();
    // The task is the one who waits for moka, and the caller waits for the task.
    let get = || {
        let (reports, upstream) = (reports.clone(), upstream.clone());
        tokio::spawn(async move { reports.get_with("Oslo", upstream.fetch()).await })
    };
    let (gone, answer) = tokio::join!(timeout(SECOND / 2, get()), get());
    assert!(gone.is_err());
    assert_eq!(answer.unwrap(), 1);
    assert_eq!(start.elapsed(), SECOND);
}

/// Callers give up one after the other, each a moment after its call has begun.
async fn patience(impatient: u32) -> Result<u32, String> {
    let (reports, upstream) = (Cache::new(1000), Upstream::default());
    let mut callers = JoinSet::new();
    for number in 1..=impatient {
        let get = (reports.clone(), upstream.clone());
        callers.spawn(async move {
            let call = get.0.get_with("Oslo", get.1.fetch());
            drop(timeout(Duration::from_millis(1) * number, call).await);
        });
    }
    let get = (reports.clone(), upstream.clone());
    let patient = tokio::spawn(async move { get.0.get_with("Oslo", get.1.fetch()).await });
    callers.join_all().await;
    patient.await.map_err(|error| error.to_string())
}

#[tokio::test(start_paused = true)]
async fn after_two_hundred_that_gave_up_the_next_caller_panics() {
    assert_eq!(patience(199).await, Ok(200));
    let error = patience(200).await.unwrap_err();
    assert!(error.contains("kept being aborted?"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn everybody_has_the_same_error_and_the_next_caller_tries_again() {
    let (reports, upstream) = (Cache::<_, u32>::new(1000), Upstream::default());
    let get = || reports.try_get_with("Oslo", upstream.clone().fail());
    let (first, second) = tokio::join!(get(), get());
    assert!(Arc::ptr_eq(&first.unwrap_err(), &second.unwrap_err()));
    assert_eq!(upstream.calls(), 1);
    assert!(get().await.is_err());
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn none_is_not_kept() {
    let (reports, upstream) = (Cache::<_, u32>::new(1000), Upstream::default());
    let get = || {
        let fetch = upstream.clone().fetch();
        reports.optionally_get_with("Oslo", async { fetch.await.checked_sub(10) })
    };
    assert_eq!(tokio::join!(get(), get()), (None, None));
    assert_eq!(upstream.calls(), 1);
    assert_eq!(get().await, None);
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn each_who_waits_repeats_a_panic() {
    let (reports, upstream) = (Cache::<_, u32>::new(1000), Upstream::default());
    let mut callers = JoinSet::new();
    for _ in 0..3 {
        let (reports, upstream) = (reports.clone(), upstream.clone());
        callers.spawn(async move {
            let fetch = async move { panic!("a bug in call {}", upstream.fetch().await) };
            reports.get_with("Oslo", fetch).await
        });
    }
    let start = Instant::now();
    while let Some(ended) = callers.join_next().await {
        assert!(ended.unwrap_err().is_panic());
    }
    assert_eq!(start.elapsed(), 3 * SECOND);
    assert_eq!(upstream.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn different_methods_and_different_errors_do_not_share_a_call() {
    let (reports, upstream) = (Cache::new(1000), Upstream::default());
    let fetch = || upstream.clone().fetch();
    let (io, text) = (fetch(), fetch());
    let answers = tokio::join!(
        reports.get_with("Oslo", fetch()),
        reports.try_get_with("Oslo", async { io::Result::Ok(io.await) }),
        reports.try_get_with("Oslo", async { Ok::<_, String>(text.await) }),
    );
    assert_eq!(upstream.calls(), 3);
    assert!(answers.1.is_ok() && answers.2.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_was_fetched_before_an_invalidation_is_kept_after_it() {
    for all in [false, true] {
        let (reports, upstream) = (Cache::new(1000), Upstream::default());
        let invalidate = async {
            sleep(SECOND / 2).await;
            if all {
                reports.invalidate_all();
            } else {
                reports.invalidate("Oslo").await;
            }
        };
        tokio::join!(reports.get_with("Oslo", upstream.fetch()), invalidate);
        assert_eq!(reports.get("Oslo").await, Some(1));
    }
}

#[tokio::test(start_paused = true)]
async fn under_a_key_with_a_version_it_is_not_found() {
    let (reports, upstream) = (Cache::new(1000), Upstream::default());
    let version = AtomicU32::new(1);
    let get = || {
        let key = ("Oslo", version.load(Ordering::Relaxed));
        reports.get_with(key, upstream.clone().fetch())
    };
    let news = async {
        sleep(SECOND / 2).await;
        version.fetch_add(1, Ordering::Relaxed);
    };
    let (before, ()) = tokio::join!(get(), news);
    assert_eq!((before, get().await), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn the_paused_clock_does_not_move_it() {
    let reports = Cache::builder()
        .time_to_live(Duration::from_mins(1))
        .build();
    reports.insert("Oslo", 1).await;
    sleep(Duration::from_hours(1)).await;
    assert_eq!(reports.get("Oslo").await, Some(1));
}

#[tokio::test(start_paused = true)]
async fn the_clock_on_the_wall_does() {
    let reports = Cache::builder()
        .time_to_live(Duration::from_millis(5))
        .build();
    reports.insert("Oslo", 1).await;
    std::thread::sleep(Duration::from_millis(10));
    assert_eq!(reports.get("Oslo").await, None);
    reports.run_pending_tasks().await;
    assert_eq!(reports.entry_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_had_to_go_is_told_when_the_pending_work_is_done() {
    let gone = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&gone);
    let numbers = Cache::builder()
        .max_capacity(100)
        .eviction_listener(move |key: Arc<u32>, (), cause| {
            listener.lock().unwrap().push((*key, cause));
        })
        .build();
    for n in 0..10_000 {
        numbers.insert(n, ()).await;
    }
    numbers.run_pending_tasks().await;
    assert_eq!(numbers.entry_count(), 100);
    let gone = gone.lock().unwrap();
    assert_eq!(gone.len(), 9_900);
    assert!(gone.iter().all(|(_, cause)| *cause == RemovalCause::Size));
}

#[tokio::test(start_paused = true)]
async fn popular_keys_survive_a_scan() {
    let fetched = AtomicU32::new(0);
    let numbers = Cache::new(100);
    for n in 0..10_000 {
        if n % 200 == 0 {
            for popular in 0..10 {
                let fetch = async { fetched.fetch_add(1, Ordering::Relaxed) };
                numbers.get_with(popular, fetch).await;
            }
        }
        numbers.get_with(10 + n, async { 0 }).await;
    }
    // An LRU would have fetched them 500 times. How many it is here depends on the hashes.
    assert!(fetched.load(Ordering::Relaxed) < 250);
}
