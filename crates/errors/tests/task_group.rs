//! What a `TaskGroup` promises.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use errors::{Failure, TaskGroup};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

type Group = TaskGroup<u64, &'static str>;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A child that does its work unless it is asked to stop; then it takes a second to clean up.
async fn polite(
    n: u64,
    token: CancellationToken,
    cleaned: Arc<AtomicUsize>,
) -> Result<u64, &'static str> {
    if token.run_until_cancelled(sleep(seconds(n))).await.is_none() {
        sleep(seconds(1)).await;
        cleaned.fetch_add(1, Ordering::Relaxed);
    }
    Ok(n)
}

async fn fails(after: u64, error: &'static str) -> Result<u64, &'static str> {
    sleep(seconds(after)).await;
    Err(error)
}

async fn panics(after: u64) -> Result<u64, &'static str> {
    sleep(seconds(after)).await;
    panic!("a bug")
}

#[tokio::test(start_paused = true)]
async fn values_come_in_the_order_of_spawning() {
    let start = Instant::now();
    let mut group = Group::new();
    for n in [3, 1, 2] {
        group.spawn(|token| polite(n, token, Arc::default()));
    }
    let token = group.token().clone();
    assert_eq!(group.join().await.unwrap(), [3, 1, 2]);
    assert_eq!(start.elapsed(), seconds(3));
    assert!(
        token.is_cancelled(),
        "what the children left behind is told that the group is over"
    );
}

#[tokio::test(start_paused = true)]
async fn an_empty_group_ends_at_once() {
    assert_eq!(Group::default().join().await.unwrap(), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_first_error_cancels_and_the_rest_is_awaited() {
    let cleaned = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut group = Group::new();
    group.spawn(|_| fails(2, "two"));
    group.spawn(|token| polite(1, token, cleaned.clone()));
    group.spawn(|token| polite(60, token, cleaned.clone()));
    group.spawn(|token| polite(60, token, cleaned.clone()));
    let error = group.join().await.unwrap_err();
    assert_eq!(start.elapsed(), seconds(3), "two, and one for cleaning up");
    assert_eq!(
        cleaned.load(Ordering::Relaxed),
        2,
        "the one of 1 s was done"
    );
    assert_eq!(error.to_string(), "1 task failed: two");
}

#[tokio::test(start_paused = true)]
async fn a_panic_cancels_as_an_error_does() {
    let cleaned = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut group = Group::new();
    group.spawn(|token| polite(60, token, cleaned.clone()));
    group.spawn(|_| panics(2));
    let error = group.join().await.unwrap_err();
    assert_eq!(start.elapsed(), seconds(3));
    assert_eq!(cleaned.load(Ordering::Relaxed), 1);
    assert!(matches!(&error.failures[..], [Failure::Died(died)] if died.is_panic()));
    assert!(error.to_string().contains("a bug"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn every_error_and_every_panic_is_reported_in_the_order_of_the_ends() {
    let mut group = Group::new();
    // Deaf to the token: each fails in its own time.
    group.spawn(|_| fails(4, "four"));
    group.spawn(|_| panics(2));
    group.spawn(|_| fails(1, "one"));
    group.spawn(|_| async { Ok(7) });
    let error = group.join().await.unwrap_err();
    let [
        Failure::Returned("one"),
        Failure::Died(died),
        Failure::Returned("four"),
    ] = &error.failures[..]
    else {
        panic!("{error:?}");
    };
    assert!(died.is_panic());
}

#[tokio::test(start_paused = true)]
async fn the_failure_itself_cancels_though_nobody_joins() {
    let cleaned = Arc::new(AtomicUsize::new(0));
    let mut group = Group::new();
    group.spawn(|_| fails(1, "one"));
    group.spawn(|token| polite(60, token, cleaned.clone()));
    // The body of the group is busy with something else, and may watch the token.
    let start = Instant::now();
    group.token().cancelled().await;
    assert_eq!(start.elapsed(), seconds(1));
    sleep(seconds(10)).await;
    assert_eq!(cleaned.load(Ordering::Relaxed), 1);
    assert!(group.join().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_child_that_ignores_its_token_is_waited_for() {
    let start = Instant::now();
    let mut group = Group::new();
    group.spawn(|_| fails(1, "one"));
    group.spawn(|_| async {
        sleep(seconds(60)).await;
        Ok(60)
    });
    assert!(group.join().await.is_err());
    assert_eq!(start.elapsed(), seconds(60));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_starts_after_the_failure_does_not_begin_its_work() {
    let mut group = Group::new();
    group.spawn(|_| fails(1, "one"));
    sleep(seconds(2)).await;
    let begun = Arc::new(AtomicBool::new(false));
    let work = begun.clone();
    group.spawn(|token| async move {
        token
            .run_until_cancelled(async { work.store(true, Ordering::Relaxed) })
            .await;
        Ok(0)
    });
    assert!(group.join().await.is_err());
    assert!(!begun.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn a_parent_cancels_its_groups_and_not_the_other_way_round() {
    let parent = CancellationToken::new();
    let mut group = Group::under(&parent);
    group.spawn(|_| fails(1, "one"));
    assert!(group.join().await.is_err());
    assert!(!parent.is_cancelled());

    let cleaned = Arc::new(AtomicUsize::new(0));
    let mut group = Group::under(&parent);
    group.spawn(|token| polite(60, token, cleaned.clone()));
    parent.cancel();
    // To be cancelled from outside is no error of the group.
    assert_eq!(group.join().await.unwrap(), [60]);
    assert_eq!(cleaned.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_dropped_aborts_and_cancels_but_waits_for_nobody() {
    let cleaned = Arc::new(AtomicUsize::new(0));
    let mut group = Group::new();
    group.spawn(|token| polite(60, token, cleaned.clone()));
    let token = group.token().clone();
    let start = Instant::now();
    assert!(timeout(seconds(1), group.join()).await.is_err());
    assert_eq!(start.elapsed(), seconds(1));
    assert!(token.is_cancelled());
    sleep(seconds(10)).await;
    assert_eq!(
        cleaned.load(Ordering::Relaxed),
        0,
        "aborted before it could clean up"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_several_threads() {
    let cleaned = Arc::new(AtomicUsize::new(0));
    let mut group = Group::new();
    for _ in 0..50 {
        let cleaned = cleaned.clone();
        group.spawn(|token| async move {
            token.cancelled().await;
            cleaned.fetch_add(1, Ordering::Relaxed);
            Ok(0)
        });
    }
    group.spawn(|_| async { panic!("a bug") });
    let error = group.join().await.unwrap_err();
    assert_eq!(error.failures.len(), 1);
    assert_eq!(cleaned.load(Ordering::Relaxed), 50);
}
