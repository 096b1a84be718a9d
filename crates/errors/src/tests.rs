//! Each way of waiting: what happens in which order, at which instant, and what is left.

use super::*;
use common::timeline::{self, What};
use futures::stream::{FuturesUnordered, TryStreamExt as _};
use tokio::time::Instant;

use End::{CleanedUp, Done, Dropped, Failed, NotCleanedUp, Panicked};

/// What the log has seen, with seconds for durations.
fn seen(log: &Log) -> Vec<(f64, u64, End)> {
    let ends = log.seen().ends.clone();
    ends.iter()
        .map(|(at, row, end)| (at.as_secs_f64(), *row, *end))
        .collect()
}

// The clock is paused: it jumps to the next timer whenever every task waits, so these tests take no
// time and their instants are exact.

#[tokio::test(start_paused = true)]
async fn spawned_siblings_run_on_and_their_results_are_lost() {
    let log = Log::default();
    let start = Instant::now();
    let error = spawn_and_join(&log).await.unwrap_err();
    assert_eq!(error.to_string(), "connection reset");
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert_eq!(seen(&log), [(1.0, 1, Done), (2.0, 2, Failed)]);

    sleep(Duration::from_secs(10)).await;
    let later = [(3.0, 3, Done), (4.0, 4, Done), (5.0, 5, Done)];
    assert_eq!(seen(&log)[2..], later);
}

#[tokio::test(start_paused = true)]
async fn join_all_waits_for_all_and_keeps_everything() {
    let log = Log::default();
    let start = Instant::now();
    let results = join(&log).await;
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    let results: Vec<_> = results
        .into_iter()
        .map(|result| result.map_err(|error| error.kind()))
        .collect();
    let row = |n| Ok(format!("row {n}"));
    let expected = [
        row(1),
        Err(ErrorKind::ConnectionReset),
        row(3),
        row(4),
        row(5),
    ];
    assert_eq!(results, expected);
}

#[tokio::test(start_paused = true)]
async fn try_join_all_drops_the_siblings_before_it_returns() {
    let log = Log::default();
    let (error, recording) = timeline::record(try_join(&log)).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let expected = [
        (1.0, 1, Done),
        (2.0, 2, Failed),
        (2.0, 3, Dropped),
        (2.0, 4, Dropped),
        (2.0, 5, Dropped),
    ];
    assert_eq!(seen(&log), expected);
    // The picture says the same: the crosses stand at two seconds, in the poll of the caller.
    let crosses = recording.events.iter().filter_map(|event| {
        let dropped = matches!(event.what, What::Dropped { .. });
        dropped.then_some(event.at)
    });
    assert_eq!(crosses.collect::<Vec<_>>(), [Duration::from_secs(2); 3]);

    sleep(Duration::from_secs(10)).await;
    assert_eq!(seen(&log).len(), 5, "nothing comes later");
}

#[tokio::test(start_paused = true)]
async fn an_aborted_set_is_empty_when_the_loop_has_ended() {
    let log = Log::default();
    let start = Instant::now();
    let (results, errors) = join_set(&log).await;
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert_eq!(results, ["row 1"]);
    assert_eq!(errors.len(), 1);
    let mut ends = seen(&log);
    assert_eq!(ends[..2], [(1.0, 1, Done), (2.0, 2, Failed)]);
    // tokio promises no order among tasks that are aborted together.
    ends[2..].sort_by_key(|(_, row, _)| *row);
    let dropped = [(2.0, 3, Dropped), (2.0, 4, Dropped), (2.0, 5, Dropped)];
    assert_eq!(ends[2..], dropped);
}

#[tokio::test(start_paused = true)]
async fn abort_is_a_request_and_the_loop_sees_it_done() {
    let log = Log::default();
    let mut tasks = JoinSet::new();
    tasks.spawn(fetch(3, log.clone()));
    sleep(Duration::from_secs(1)).await;
    tasks.abort_all();
    assert_eq!(seen(&log), [], "not yet");
    let ended = tasks.join_next().await.unwrap();
    assert!(ended.unwrap_err().is_cancelled());
    assert_eq!(seen(&log), [(1.0, 3, Dropped)]);
}

#[tokio::test(start_paused = true)]
async fn a_group_waits_until_the_others_have_cleaned_up_and_has_all_errors() {
    let log = Log::default();
    let start = Instant::now();
    let error = task_group(&log).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_millis(2500));
    assert_eq!(
        error.to_string(),
        "2 tasks failed: connection reset; row 4 was not given back"
    );
    let mut ends = seen(&log);
    assert_eq!(ends[..2], [(1.0, 1, Done), (2.0, 2, Failed)]);
    ends[2..].sort_by(|a, b| (a.0, a.1).partial_cmp(&(b.0, b.1)).unwrap());
    let others = [
        (2.0, 3, Dropped),
        (2.0, 4, Dropped),
        (2.0, 5, Dropped),
        (2.5, 3, CleanedUp),
        (2.5, 4, NotCleanedUp),
        (2.5, 5, CleanedUp),
    ];
    assert_eq!(ends[2..], others);
}

#[tokio::test(start_paused = true)]
async fn context_says_for_which_row() {
    let error = title(2, Log::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "row 2 of the report");
    assert_eq!(
        format!("{error:#}"),
        "row 2 of the report: connection reset"
    );
    // What went wrong can still be asked by type.
    let cause: &io::Error = error.downcast_ref().unwrap();
    assert_eq!(cause.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_its_own_task_only() {
    let log = Log::default();
    let results = panic_in_task(&log).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 4);
    let error = results[1].as_ref().unwrap_err();
    let error: &tokio::task::JoinError = error.downcast_ref().unwrap();
    assert!(error.is_panic());
    assert!(error.to_string().contains("row 2 has no such column"));
    assert_eq!(seen(&log)[4], (5.0, 5, Done));

    // Made into an io::Error, it no longer says what has happened.
    let handle = tokio::spawn(fetch_with_a_bug(2, Log::default()));
    let error = io::Error::from(handle.await.unwrap_err());
    assert_eq!(error.to_string(), "task panicked");
}

#[tokio::test(start_paused = true)]
async fn a_panic_inside_join_all_ends_everything_in_the_task() {
    let log = Log::default();
    let callers = log.clone();
    let caller = tokio::spawn(async move { panic_in_join(&callers).await.len() });
    assert!(caller.await.unwrap_err().is_panic());
    let expected = [
        (1.0, 1, Done),
        (2.0, 2, Panicked),
        (2.0, 3, Dropped),
        (2.0, 4, Dropped),
        (2.0, 5, Dropped),
    ];
    assert_eq!(seen(&log), expected);
}

/// Waits ten seconds, except for the last one, which fails after one.
async fn last_one_fails(place: usize, of: usize) -> Result<(), usize> {
    if place + 1 == of {
        sleep(Duration::from_secs(1)).await;
        return Err(place);
    }
    sleep(Duration::from_secs(10)).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn above_thirty_try_join_all_looks_at_its_results_in_order() {
    let seconds = async |of: usize| {
        let start = Instant::now();
        let result = try_join_all((0..of).map(|place| last_one_fails(place, of))).await;
        assert_eq!(result, Err(of - 1));
        start.elapsed().as_secs()
    };
    assert_eq!(seconds(30).await, 1);
    // One more, and the error of the last one waits until all before it are done.
    assert_eq!(seconds(31).await, 10);

    // FuturesUnordered takes what comes first, however many there are.
    let start = Instant::now();
    let all: FuturesUnordered<_> = (0..31).map(|place| last_one_fails(place, 31)).collect();
    let result: Result<Vec<()>, usize> = all.try_collect().await;
    assert_eq!(result, Err(30));
    assert_eq!(start.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn handles_awaited_one_by_one_tell_late() {
    let start = Instant::now();
    let handles: Vec<_> = (0..5)
        .map(|place| tokio::spawn(last_one_fails(place, 5)))
        .collect();
    let one_by_one = async {
        for handle in handles {
            handle.await.unwrap()?;
        }
        Ok(())
    };
    assert_eq!(one_by_one.await, Err(4));
    assert_eq!(start.elapsed().as_secs(), 10);
}
