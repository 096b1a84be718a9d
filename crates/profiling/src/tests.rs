use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::*;
use common::timeline::{self, Recording, What};

const SLOW: Duration = Duration::from_millis(5);

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn fixes(names: &str) -> Fixes {
    names.parse().unwrap()
}

async fn twenty_clients(mended: Fixes) -> Report {
    load::run(&Shop::open(mended, SLOW), 20, 3).await.unwrap()
}

/// So many orders at once, each in a task of its own.
async fn recorded(mended: Fixes, orders: u32) -> Recording {
    let shop = Shop::open(mended, SLOW);
    let all = (1..=orders).map(|number| shop::watched_order(&shop, number));
    let at_once = async { all.collect::<JoinSet<_>>().join_all().await };
    let (_, recording) = timeline::record(at_once).await;
    recording
}

/// How long each poll of the rows whose name begins with `row` took, in order.
fn polls(recording: &Recording, row: &str) -> Vec<Duration> {
    let mut began = vec![Duration::ZERO; recording.tasks.len()];
    let mut polls = Vec::new();
    for event in &recording.events {
        match event.what {
            What::Poll { task, .. } => began[task] = event.at,
            What::Pending { task } | What::Ready { task }
                if recording.tasks[task].starts_with(row) =>
            {
                polls.push(event.at - began[task]);
            }
            _ => {}
        }
    }
    polls
}

/// How long each row of this name lived, in the order in which they ended.
fn lives(recording: &Recording, row: &str) -> Vec<Duration> {
    let mut began = vec![Duration::ZERO; recording.tasks.len()];
    let mut lives = Vec::new();
    for event in &recording.events {
        match event.what {
            What::Created { task, .. } => began[task] = event.at,
            What::Ready { task } if recording.tasks[task].starts_with(row) => {
                lives.push(event.at - began[task]);
            }
            _ => {}
        }
    }
    lives
}

// Work takes no time on a paused clock, but `keep_busy` moves it on. So everything below is exact.

#[tokio::test(start_paused = true)]
async fn one_order_alone_takes_what_its_parts_take() {
    let alone = async |mended| {
        let shop = Shop::open(mended, SLOW);
        load::run(&shop, 1, 1).await.unwrap().took
    };
    assert_eq!(alone(Fixes::default()).await, ms(10 + 5 * 10 + 5));
    assert_eq!(alone(fixes("lookups")).await, ms(10 + 10 + 5));
    assert_eq!(alone(fixes("prices")).await, ms(5 * 10 + 5));
    assert_eq!(alone(fixes("rate")).await, ms(10 + 5 * 10 + 5));
}

#[tokio::test(start_paused = true)]
async fn the_fix_that_looks_best_helps_only_after_the_others() {
    let mut took = Vec::new();
    for mended in ATTEMPTS {
        took.push(twenty_clients(mended).await.took);
    }
    assert_eq!(took, [740, 700, 750, 350, 165, 45].map(ms));
}

#[tokio::test(start_paused = true)]
async fn under_load_an_order_takes_as_long_as_the_bottleneck_needs_for_all_clients() {
    // Little's law: as many as there are clients, each of which holds the bottleneck that long.
    assert_eq!(
        twenty_clients(fixes("lookups")).await.within(50),
        20 * ms(10)
    );
    assert_eq!(twenty_clients(fixes("prices")).await.within(50), 20 * ms(5));
    // Without a bottleneck, as long as its parts.
    assert_eq!(
        twenty_clients(fixes("prices,rate")).await.within(95),
        ms(55)
    );
}

#[tokio::test(start_paused = true)]
async fn a_health_check_tells_a_held_thread_from_a_held_lock() {
    assert_eq!(twenty_clients(Fixes::default()).await.health, ms(200));
    let queue = twenty_clients(fixes("prices")).await;
    assert_eq!(queue.within(50), ms(100), "there is a queue");
    assert_eq!(queue.health, Duration::ZERO, "but not for the thread");
}

#[tokio::test(start_paused = true)]
async fn each_order_has_one_slow_poll_and_none_when_the_list_is_read_before() {
    let before = polls(&recorded(Fixes::default(), 6).await, "order");
    assert_eq!(before.iter().max(), Some(&ms(10)));
    assert_eq!(before.iter().filter(|poll| **poll >= SLOW).count(), 6);
    let after = polls(&recorded(fixes("prices"), 6).await, "order");
    assert_eq!(after.iter().max(), Some(&Duration::ZERO));
    assert_eq!(before.len(), after.len(), "it waits as often as before");
}

#[tokio::test(start_paused = true)]
async fn lookups_together_need_fewer_polls() {
    // The beginning, the ends of five lookups or of all, the end of the question to the bank.
    assert_eq!(
        polls(&recorded(Fixes::default(), 1).await, "order").len(),
        7
    );
    assert_eq!(
        polls(&recorded(fixes("lookups"), 1).await, "order").len(),
        3
    );
}

#[tokio::test(start_paused = true)]
async fn a_convoy_has_no_slow_poll_and_is_seen_in_the_lengths_of_the_waits() {
    let convoy = recorded(fixes("prices"), 6).await;
    assert_eq!(polls(&convoy, "").iter().max(), Some(&Duration::ZERO));
    assert_eq!(lives(&convoy, "rate"), [5, 10, 15, 20, 25, 30].map(ms));
    let free = recorded(fixes("prices,rate"), 6).await;
    assert_eq!(lives(&free, "rate"), [5; 6].map(ms));
}

#[tokio::test(start_paused = true)]
async fn the_longest_slice_of_a_trace_is_an_order() {
    let trace = recorded(Fixes::default(), 6)
        .await
        .trace_events("profiling");
    let trace: Value = serde_json::from_str(&trace).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let slices = events.iter().filter(|event| event["ph"] == "X");
    let longest = slices.max_by(|a, b| {
        a["dur"]
            .as_f64()
            .unwrap()
            .total_cmp(&b["dur"].as_f64().unwrap())
    });
    let longest = longest.unwrap();
    assert_eq!(longest["dur"], 10_000.0, "microseconds");
    let row = events
        .iter()
        .find(|event| event["name"] == "thread_name" && event["tid"] == longest["tid"]);
    let row = row.unwrap()["args"]["name"].as_str().unwrap();
    assert!(row.starts_with("order("), "{row}");
}

#[tokio::test(start_paused = true)]
async fn metrics_take_a_late_wake_for_idle_time() {
    let idle = async |mended| {
        let shop = Shop::open(mended, SLOW);
        load::run(&shop, 20, 3).await.unwrap();
        let orders = shop.monitors.orders.cumulative();
        (orders.total_slow_poll_count, orders.mean_idle_duration())
    };
    let (slow, before) = idle(fixes("rate")).await;
    assert_eq!(slow, 60);
    // No wait in this handler is longer than ten milliseconds. But nobody was there to end it.
    assert!(before > ms(20), "{before:?}");
    let all = (5 * ms(10) + ms(5)) / 6;
    assert_eq!(idle(fixes("prices,rate")).await, (0, all));
}

#[tokio::test(start_paused = true)]
async fn the_export_lets_nobody_else_run() {
    let load = Load {
        clients: 1,
        orders: 1,
        threads: None,
        export: true,
    };
    let (report, _) = load.run(Shop::open(Fixes::default(), SLOW)).await.unwrap();
    assert!(report.health >= ms(2_900), "{:?}", report.health);
}

#[tokio::test(start_paused = true)]
async fn work_takes_its_time_on_a_paused_clock_and_lets_nobody_else_run() {
    let start = Instant::now();
    let shop = Shop::open(Fixes::default(), SLOW);
    assert_eq!(start.elapsed(), Duration::ZERO);
    let _ = Shop::open(fixes("prices"), SLOW);
    assert_eq!(start.elapsed(), ms(10));
    drop(shop);
}

#[tokio::test]
async fn work_takes_its_time_on_a_real_clock() {
    let start = std::time::Instant::now();
    let _ = Shop::open(fixes("prices"), SLOW);
    assert!(start.elapsed() >= ms(10));
}

#[tokio::test]
async fn several_threads_answer_too() {
    let load = Load {
        clients: 2,
        orders: 1,
        threads: Some(2),
        export: false,
    };
    let (report, runtime) = load.run(Shop::open(fixes("prices"), SLOW)).await.unwrap();
    assert_eq!((report.orders.len(), runtime.workers_count), (2, 2));
}

#[test]
fn fixes_are_named_in_any_order() {
    let all = Fixes::new(true, true, true);
    assert_eq!(fixes("rate, lookups,prices"), all);
    assert_eq!(all.to_string(), "prices, rate, lookups");
    assert_eq!(Fixes::default().to_string(), "nothing");
    assert!("locks".parse::<Fixes>().unwrap_err().contains("locks"));
    assert!("".parse::<Fixes>().is_err());
}

#[test]
fn percentiles_are_of_the_nearest_rank() {
    let report = Report {
        orders: [1, 2, 3, 4].map(ms).to_vec(),
        ..Report::default()
    };
    assert_eq!(
        [report.within(50), report.within(51), report.within(100)],
        [2, 3, 4].map(ms)
    );
    assert_eq!(Report::default().within(50), Duration::ZERO);
}
