//! What each version does, and what it costs.

use super::*;
use arena::PATIENCE;
use common::timeline::{self, Recording, What};
use tokio::time::{Instant, sleep};

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

async fn ask<R: Reports>(ends: Ends, crowd: Crowd) -> Tally {
    Arena::<R>::unseen(ends).ask(crowd).await
}

/// Calls, answers, errors, panics and seconds.
fn figures(tally: Tally) -> (u32, u32, u32, u32, f64) {
    (
        tally.calls,
        tally.answers,
        tally.errors,
        tally.panics,
        tally.time.as_secs_f64(),
    )
}

fn polls(recording: &Recording) -> usize {
    let is_poll = |what: &What| matches!(what, What::Poll { .. });
    let events = recording.events.iter();
    events.filter(|event| is_poll(&event.what)).count()
}

#[tokio::test(start_paused = true)]
async fn of_a_cold_city_each_version_makes_one_call_except_the_first() {
    let crowd = Crowd::of(100);
    let one = (1, 100, 0, 0, 1.0);
    assert_eq!(
        figures(ask::<Map>(Ends::Well, crowd).await),
        (100, 100, 0, 0, 1.0)
    );
    assert_eq!(figures(ask::<OneLock>(Ends::Well, crowd).await), one);
    assert_eq!(figures(ask::<CellPerKey>(Ends::Well, crowd).await), one);
    assert_eq!(figures(ask::<SharedPerKey>(Ends::Well, crowd).await), one);
    assert_eq!(figures(ask::<TaskPerKey>(Ends::Well, crowd).await), one);
    assert_eq!(figures(ask::<Moka>(Ends::Well, crowd).await), one);
}

#[tokio::test(start_paused = true)]
async fn only_the_one_lock_makes_other_cities_wait() {
    let crowd = Crowd::of(5).apart();
    let at_once = (5, 5, 0, 0, 1.0);
    assert_eq!(figures(ask::<Map>(Ends::Well, crowd).await), at_once);
    assert_eq!(
        figures(ask::<OneLock>(Ends::Well, crowd).await),
        (5, 5, 0, 0, 5.0)
    );
    assert_eq!(figures(ask::<CellPerKey>(Ends::Well, crowd).await), at_once);
    assert_eq!(
        figures(ask::<SharedPerKey>(Ends::Well, crowd).await),
        at_once
    );
    assert_eq!(figures(ask::<TaskPerKey>(Ends::Well, crowd).await), at_once);
    assert_eq!(figures(ask::<Moka>(Ends::Well, crowd).await), at_once);
}

#[tokio::test(start_paused = true)]
async fn the_one_lock_makes_even_a_hit_wait() {
    let lock = OneLock::new(Upstream::new(Ends::Well));
    assert!(matches!(lock.get("Oslo").await, Ok(1)));
    let start = Instant::now();
    let hit = async {
        assert!(matches!(lock.get("Oslo").await, Ok(1)));
        start.elapsed()
    };
    let (_, waited) = tokio::join!(lock.get("Rome"), hit);
    assert_eq!(waited, SECOND);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_takes_the_call_along_unless_it_is_shared_or_a_task() {
    let crowd = Crowd::of(3).leaving(1);
    let once = (1, 2, 0, 0, 1.0);
    let twice = (2, 2, 0, 0, 1.3);
    assert_eq!(figures(ask::<OneLock>(Ends::Well, crowd).await), twice);
    assert_eq!(figures(ask::<CellPerKey>(Ends::Well, crowd).await), twice);
    assert_eq!(figures(ask::<SharedPerKey>(Ends::Well, crowd).await), once);
    assert_eq!(figures(ask::<TaskPerKey>(Ends::Well, crowd).await), once);
    assert_eq!(figures(ask::<Moka>(Ends::Well, crowd).await), twice);
}

#[tokio::test(start_paused = true)]
async fn when_all_give_up_a_shared_future_stands_still_and_a_task_goes_on() {
    /// Seconds that the next caller waits, a second later, and its calls.
    async fn later<R: Reports>() -> (u32, f64) {
        let arena = Arena::<R>::unseen(Ends::Well);
        let tally = arena.ask(Crowd::of(3).leaving(3)).await;
        assert_eq!((tally.answers, tally.time), (0, PATIENCE));
        sleep(SECOND).await;
        let tally = arena.ask(Crowd::of(1)).await;
        assert_eq!(tally.answers, 1);
        (tally.calls, tally.time.as_secs_f64())
    }
    assert_eq!(later::<CellPerKey>().await, (1, 1.0));
    assert_eq!(later::<SharedPerKey>().await, (0, 0.5));
    assert_eq!(later::<TaskPerKey>().await, (0, 0.0));
}

#[tokio::test(start_paused = true)]
async fn of_an_error_a_cell_makes_one_for_each_caller_and_in_turn() {
    let crowd = Crowd::of(5);
    let in_turn = (5, 0, 5, 0, 5.0);
    let once = (1, 0, 5, 0, 1.0);
    assert_eq!(
        figures(ask::<Map>(Ends::InAnError, crowd).await),
        (5, 0, 5, 0, 1.0)
    );
    assert_eq!(
        figures(ask::<OneLock>(Ends::InAnError, crowd).await),
        in_turn
    );
    assert_eq!(
        figures(ask::<CellPerKey>(Ends::InAnError, crowd).await),
        in_turn
    );
    assert_eq!(
        figures(ask::<SharedPerKey>(Ends::InAnError, crowd).await),
        once
    );
    assert_eq!(
        figures(ask::<TaskPerKey>(Ends::InAnError, crowd).await),
        once
    );
    assert_eq!(figures(ask::<Moka>(Ends::InAnError, crowd).await), once);
}

#[tokio::test(start_paused = true)]
async fn no_version_keeps_an_error() {
    async fn next<R: Reports>() -> u32 {
        let arena = Arena::<R>::unseen(Ends::InAnError);
        arena.ask(Crowd::of(3)).await;
        arena.ask(Crowd::of(1)).await.calls
    }
    assert_eq!(next::<Map>().await, 1);
    assert_eq!(next::<OneLock>().await, 1);
    assert_eq!(next::<CellPerKey>().await, 1);
    assert_eq!(next::<SharedPerKey>().await, 1);
    assert_eq!(next::<TaskPerKey>().await, 1);
    assert_eq!(next::<Moka>().await, 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_panic_a_shared_future_panics_for_ever() {
    async fn panics<R: Reports>() -> ((u32, u32), (u32, u32)) {
        let arena = Arena::<R>::unseen(Ends::InAPanic);
        let now = arena.ask(Crowd::of(3)).await;
        let later = arena.ask(Crowd::of(1)).await;
        ((now.calls, now.panics), (later.calls, later.panics))
    }
    assert_eq!(panics::<CellPerKey>().await, ((3, 3), (1, 1)));
    assert_eq!(panics::<SharedPerKey>().await, ((1, 3), (0, 1)));
    assert_eq!(panics::<TaskPerKey>().await, ((1, 0), (1, 0)));
    assert_eq!(panics::<Moka>().await, ((3, 3), (1, 1)));
}

#[tokio::test(start_paused = true)]
async fn what_was_fetched_before_an_invalidation_is_kept_only_where_it_is_put_into_a_map() {
    /// The report that is there afterwards: call 1 began before the news.
    async fn after<R: Reports>() -> Option<u32> {
        let reports = R::new(Upstream::new(Ends::Well));
        let news = async {
            sleep(SECOND / 2).await;
            reports.invalidate("Oslo").await;
        };
        let (_, ()) = tokio::join!(reports.get("Oslo"), news);
        reports.get("Oslo").await.ok()
    }
    assert_eq!(after::<Map>().await, Some(1));
    assert_eq!(after::<Moka>().await, Some(1));
    // These remove the flight from the map, and nothing puts it back.
    assert_eq!(after::<CellPerKey>().await, Some(2));
    assert_eq!(after::<SharedPerKey>().await, Some(2));
    assert_eq!(after::<TaskPerKey>().await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_shared_future_is_polled_by_all_and_a_task_by_the_runtime() {
    async fn all<R: Reports>() -> usize {
        let asked = ask::<R>(Ends::Well, Crowd::of(3));
        let (_, recording) = timeline::record(asked).await;
        polls(&recording)
    }
    // The callers three times each, and seven times the fetch.
    assert_eq!(all::<SharedPerKey>().await, 3 * 3 + 7);
    // The callers twice each. The flight is not recorded here: no row of this recording made it.
    assert_eq!(all::<TaskPerKey>().await, 3 * 2);
}
