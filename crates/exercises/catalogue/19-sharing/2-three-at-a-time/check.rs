use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use exercises::{check, same, seconds, took, wrong};
use tokio::time::{sleep, timeout};

use super::exercise::gather;

const HOUR: Duration = Duration::from_secs(3600);

/// How many jobs have begun, how many run, and how many ever ran at the same time.
#[derive(Default)]
struct Gauge {
    begun: AtomicUsize,
    running: AtomicUsize,
    most: AtomicUsize,
}

/// Its result is how many seconds it took.
async fn job(gauge: Arc<Gauge>, duration: u32) -> u32 {
    gauge.begun.fetch_add(1, Relaxed);
    let running = gauge.running.fetch_add(1, Relaxed) + 1;
    gauge.most.fetch_max(running, Relaxed);
    sleep(Duration::from_secs(duration.into())).await;
    gauge.running.fetch_sub(1, Relaxed);
    duration
}

/// Jobs of so many seconds: their results, the time, and how many ran at the same time.
async fn run(durations: &[u32], limit: usize) -> (Vec<u32>, Duration, usize) {
    let gauge = Arc::new(Gauge::default());
    let jobs = durations
        .iter()
        .map(|&duration| job(Arc::clone(&gauge), duration))
        .collect();
    let (results, time) = took(timeout(HOUR, gather(jobs, limit))).await;
    let Ok(results) = results else {
        let (begun, count) = (gauge.begun.load(Relaxed), durations.len());
        let running = gauge.running.load(Relaxed);
        if begun == 0 {
            wrong(
                "call-starts-it",
                format!(
                    "With {count} jobs and a limit of {limit} it hangs, and no job has begun: all \
                     permits are taken, and nothing runs that could give one back."
                ),
            );
        }
        panic!(
            "With {count} jobs and a limit of {limit} it hangs: {begun} jobs have begun, and \
             {running} of them run."
        );
    };
    let most = gauge.most.load(Relaxed);
    if most > limit {
        wrong(
            "permit-is-a-ticket",
            format!(
                "{most} jobs ran at the same time, and the limit was {limit}: some of them had no \
                 permit, or had given it back before they ended."
            ),
        );
    }
    (results, time, most)
}

#[test]
fn ten_jobs_run_three_at_a_time() {
    check(async {
        let (results, time, most) = run(&[1; 10], 3).await;
        same("the number of results", results.len(), 10);
        same("how many ran at the same time, limit 3", most, 3);
        same("the time of ten jobs of a second", seconds(time), "4.0 s");
    });
}

#[test]
fn when_one_has_ended_the_next_begins() {
    check(async {
        let (_, time, _) = run(&[1, 1, 4, 1, 1, 1, 1, 1], 3).await;
        if time == Duration::from_secs(6) {
            wrong(
                "batches-are-a-limit",
                "Jobs of 1, 1, 4, 1, 1, 1, 1 and 1 seconds took 6.0 s, and 4.0 s are enough: while \
                 one runs for four seconds, the others have two places for the rest. From 1.0 s to \
                 4.0 s these were empty.",
            );
        }
        same(
            "the time of jobs of 1, 1, 4, 1, 1, 1, 1 and 1 seconds",
            seconds(time),
            "4.0 s",
        );
    });
}

#[test]
fn results_are_in_the_order_of_the_input() {
    check(async {
        let (results, _, _) = run(&[4, 1, 2, 5], 3).await;
        if results == [1, 2, 4, 5] {
            wrong(
                "results-as-they-finish",
                "The results of jobs of 4, 1, 2 and 5 seconds came as 1, 2, 4, 5: in the order in \
                 which they ended.",
            );
        }
        same("the results", results, [4, 1, 2, 5]);
    });
}

#[test]
fn any_number_of_jobs_and_any_limit_will_do() {
    check(async {
        let (results, time, _) = run(&[2, 1, 3], 1).await;
        same("the results with a limit of one", results, [2, 1, 3]);
        same("their time", seconds(time), "6.0 s");
        let (results, time, _) = run(&[2, 1], 5).await;
        same("the results of two with a limit of five", results, [2, 1]);
        same("their time", seconds(time), "2.0 s");
        let (results, _, _) = run(&[], 3).await;
        same("the number of results of no jobs", results.len(), 0);
    });
}
