//! What the timeline records, and what is drawn of it.

use std::future::{pending, poll_fn, ready};
use std::sync::{Arc, Barrier};
use std::task::Poll;
use std::time::Duration;

use common::Trace as _;
use common::timeline::{Clock, Event, Recording, Style, What, record};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

async fn wait(seconds: u64) -> u64 {
    sleep(Duration::from_secs(seconds)).await;
    seconds
}

/// The events without their times.
fn whats(recording: &Recording) -> Vec<What> {
    recording
        .events
        .iter()
        .map(|event| event.what.clone())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_life_of_a_future() {
    let (value, recording) = record(async { wait(2).traced("wait(2)").await }).await;
    assert_eq!(value, 2);
    assert_eq!(recording.tasks, ["wait(2)"]);
    let at = Duration::from_secs(2);
    let event = |at, what| Event { at, what };
    let expected = [
        event(Duration::ZERO, What::Created { task: 0, by: None }),
        event(Duration::ZERO, What::Poll { task: 0, thread: 0 }),
        event(Duration::ZERO, What::Pending { task: 0 }),
        event(at, What::Woken { task: 0, by: None }),
        event(at, What::Poll { task: 0, thread: 0 }),
        event(at, What::Ready { task: 0 }),
    ];
    assert_eq!(recording.events, expected);
}

#[tokio::test(start_paused = true)]
async fn branches_of_join_and_spawned_tasks_are_rows() {
    let (_, recording) = record(async {
        let spawned = tokio::spawn(wait(3).traced("spawned"));
        tokio::join!(
            wait(1).traced("branch 1"),
            wait(2).traced("branch 2"),
            async { spawned.await.unwrap() }
        )
    })
    .await;
    assert_eq!(recording.tasks, ["spawned", "branch 1", "branch 2"]);
    let finished: Vec<_> = recording
        .events
        .iter()
        .filter_map(|event| match event.what {
            What::Ready { task } => Some((event.at.as_secs(), task)),
            _ => None,
        })
        .collect();
    assert_eq!(finished, [(1, 1), (2, 2), (3, 0)]);
}

#[tokio::test(start_paused = true)]
async fn it_is_known_who_made_woke_and_dropped_whom() {
    let (_, recording) = record(async {
        let (tx, rx) = oneshot::channel();
        let receiver = async move { rx.await.is_ok() }.traced("receiver");
        let sender = async move {
            // Made in the poll of `sender`, never polled, dropped there.
            drop(ready(()).traced("made and dropped"));
            let _ = tx.send(());
        }
        .traced("sender");
        tokio::join!(receiver, sender)
    })
    .await;
    let whats = whats(&recording);
    assert!(
        whats.contains(&What::Woken {
            task: 0,
            by: Some(1)
        }),
        "{whats:?}"
    );
    assert!(
        whats.contains(&What::Created {
            task: 2,
            by: Some(1)
        }),
        "{whats:?}"
    );
    assert!(
        whats.contains(&What::Dropped {
            task: 2,
            by: Some(1)
        }),
        "{whats:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_future_is_dropped_when_its_time_is_out() {
    let (result, recording) = record(timeout_of_pending()).await;
    assert!(result.is_err());
    let last = recording.events.last().unwrap();
    assert_eq!(last.what, What::Dropped { task: 0, by: None });
    assert_eq!(last.at, Duration::from_secs(1));
}

async fn timeout_of_pending() -> Result<(), tokio::time::error::Elapsed> {
    timeout(Duration::from_secs(1), pending::<()>().traced("forever")).await
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_recorded_and_goes_on() {
    let (outcome, recording) = record(async {
        let fails = async { panic!("as the test wants") };
        tokio::spawn(fails.traced("fails")).await
    })
    .await;
    assert!(outcome.unwrap_err().is_panic());
    assert!(whats(&recording).contains(&What::Panicked { task: 0 }));
}

#[tokio::test(start_paused = true)]
async fn a_thread_of_no_runtime_goes_by_the_same_clock() {
    let ((), recording) = record(async {
        sleep(Duration::from_secs(7)).await;
        let (tx, rx) = oneshot::channel();
        let receiver = async move { rx.await.is_ok() }.traced("receiver");
        // Sent when the receiver waits for it, so that it is this thread that wakes it.
        let receiver = tokio::spawn(receiver);
        yield_now().await;
        std::thread::spawn(move || tx.send(()))
            .join()
            .unwrap()
            .unwrap();
        assert!(receiver.await.unwrap());
    })
    .await;
    let woken = |event: &&Event| matches!(event.what, What::Woken { .. });
    let woken = recording.events.iter().find(woken).unwrap();
    assert_eq!(woken.at, Duration::from_secs(7));
}

#[test]
fn threads_are_told_apart() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let (_, recording) = runtime.block_on(record(async {
        // Neither passes the barrier before both are polled, which takes two threads.
        let barrier = Arc::new(Barrier::new(2));
        let meet = |barrier: Arc<Barrier>| async move {
            barrier.wait();
        };
        let a = tokio::spawn(meet(barrier.clone()).traced("a"));
        let b = tokio::spawn(meet(barrier).traced("b"));
        (a.await.unwrap(), b.await.unwrap())
    }));
    assert_eq!(recording.threads.len(), 2);
    assert!(recording.text(&Style::default()).contains("on that thread"));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_recorded_outside_a_recording() {
    let outside = wait(1).traced("outside");
    // No box, no name: a future and an empty place for a pointer.
    assert_eq!(
        size_of_val(&outside),
        size_of_val(&wait(1)) + size_of::<usize>()
    );
    let ((), recording) = record(async {
        outside.await;
    })
    .await;
    assert_eq!(whats(&recording), []);
}

#[tokio::test(start_paused = true)]
async fn a_future_gets_the_same_waker_in_each_poll() {
    let mut first = None;
    let mut polls = 0;
    let compare = poll_fn(move |cx| {
        polls += 1;
        if let Some(first) = &first {
            assert!(cx.waker().will_wake(first));
        }
        first = Some(cx.waker().clone());
        cx.waker().wake_by_ref();
        if polls < 3 {
            Poll::Pending
        } else {
            Poll::Ready(polls)
        }
    });
    let (polls, _) = record(async { compare.traced("compare").await }).await;
    assert_eq!(polls, 3);
}

#[tokio::test(start_paused = true)]
async fn two_runs_give_the_same_bytes() {
    let run = || async {
        let ((), recording) = record(async {
            let spawned = tokio::spawn(wait(3).traced("spawned"));
            let _ = tokio::join!(wait(1).traced("a"), wait(2).traced("b"), spawned);
        })
        .await;
        recording
    };
    let (one, two) = (run().await, run().await);
    assert_eq!(one.svg("x"), two.svg("x"));
    assert_eq!(one.to_json(), two.to_json());
    assert_eq!(one.trace_events("x"), two.trace_events("x"));
}

#[tokio::test(start_paused = true)]
async fn a_recording_is_bounded() {
    let ((), recording) = record(async {
        let busy = async {
            for _ in 0..100_000 {
                yield_now().await;
            }
        };
        busy.traced("busy").await;
        ready(()).traced("too late").await;
    })
    .await;
    assert_eq!(recording.events.len(), 200_000);
    assert_eq!(recording.tasks, ["busy"]);
    assert!(recording.left_out > 0);
    assert!(
        recording
            .text(&Style::default())
            .contains("later events are left out")
    );
}

/// A recording of a blocked thread, as no paused clock can make it: `a` holds the thread for
/// three of four seconds, while `b`, woken after one, waits for it.
fn blocked() -> Recording {
    let at = Duration::from_secs;
    let what = [
        (0, What::Created { task: 0, by: None }),
        (0, What::Created { task: 1, by: None }),
        (0, What::Poll { task: 1, thread: 0 }),
        (0, What::Pending { task: 1 }),
        (0, What::Poll { task: 0, thread: 0 }),
        (1, What::Woken { task: 1, by: None }),
        (3, What::Ready { task: 0 }),
        (3, What::Poll { task: 1, thread: 0 }),
        (3, What::Pending { task: 1 }),
        (4, What::Dropped { task: 1, by: None }),
    ];
    Recording {
        clock: Clock::Real,
        tasks: vec!["a".into(), "b <&\"".into()],
        threads: vec!["main".into()],
        events: what
            .into_iter()
            .map(|(s, what)| Event { at: at(s), what })
            .collect(),
        ..Recording::default()
    }
}

#[test]
fn a_blocked_thread_shows_who_holds_it_and_who_waits_for_it() {
    let drawn = blocked().text(&Style {
        width: 50,
        ..Style::default()
    });
    let rows: Vec<&str> = drawn.lines().take(2).collect();
    let marks = |row: &str| {
        row.split('│')
            .nth(1)
            .unwrap()
            .chars()
            .fold(String::new(), |mut all, c| {
                if !all.ends_with(c) {
                    all.push(c);
                }
                all
            })
    };
    assert_eq!(marks(rows[0]), "█ ");
    assert_eq!(marks(rows[1]), "█·▒█·✗");
    assert!(
        rows[0].ends_with("1 poll, longest 3.0 s") && rows[1].ends_with("2 polls, dropped"),
        "{drawn}"
    );
    assert!(
        drawn.lines().all(|line| line.chars().count() <= 50),
        "{drawn}"
    );
}

#[test]
fn ascii_is_ascii_and_colour_is_only_colour() {
    let plain = blocked().text(&Style::default());
    let ascii = blocked().text(&Style {
        ascii: true,
        ..Style::default()
    });
    assert!(ascii.is_ascii(), "{ascii}");
    let mut colored = blocked().text(&Style {
        color: true,
        ..Style::default()
    });
    assert!(colored.contains("\x1b[32m█\x1b[0m"));
    for code in ["\x1b[0m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"] {
        colored = colored.replace(code, "");
    }
    assert_eq!(colored, plain);
}

#[tokio::test(start_paused = true)]
async fn many_rows_are_counted_instead_of_drawn() {
    let ((), recording) = record(async {
        for number in 0..50 {
            ready(()).traced(number).await;
        }
    })
    .await;
    let drawn = recording.text(&Style {
        rows: 3,
        ..Style::default()
    });
    assert!(drawn.contains("… and 47 more"), "{drawn}");
}

#[test]
fn the_svg_is_well_formed_and_says_in_words_what_it_shows() {
    let svg = blocked().svg("a & b");
    let document = roxmltree::Document::parse(&svg).unwrap();
    let text = |tag| {
        let node = document
            .descendants()
            .find(|node| node.has_tag_name(("http://www.w3.org/2000/svg", tag)));
        node.and_then(|node| node.text())
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(
        text("title"),
        "a & b: what each future did, over time (Rust)"
    );
    assert!(
        text("desc").contains("b <&\": 2 polls, dropped, from 0 s to 4.0 s."),
        "{}",
        text("desc")
    );
    assert!(text("style").contains("prefers-color-scheme:dark"));
}

#[test]
fn the_json_holds_every_event_and_the_trace_every_poll() {
    let recording = blocked();
    let json: serde_json::Value = serde_json::from_str(&recording.to_json()).unwrap();
    assert_eq!(json["tasks"][1], "b <&\"");
    assert_eq!(
        json["events"].as_array().unwrap().len(),
        recording.events.len()
    );
    assert_eq!(json["events"][5]["at"], 1_000_000_000_u64);
    assert_eq!(json["events"][5]["what"], "woken");

    let trace: serde_json::Value = serde_json::from_str(&recording.trace_events("t")).unwrap();
    let polls: Vec<&serde_json::Value> = trace["traceEvents"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["ph"] == "X")
        .collect();
    assert_eq!(polls.len(), 3);
    assert_eq!(polls[1]["dur"], 3_000_000.0);
    assert_eq!(polls[1]["args"]["end"], "ready");
}

#[test]
fn scenes_are_drawn_apart() {
    let mut recording = blocked();
    let scene = |at, name: &str| Event {
        at: Duration::from_secs(at),
        what: What::Scene { name: name.into() },
    };
    recording.events.insert(8, scene(3, "second"));
    recording.events.insert(0, scene(0, "first"));
    let drawn = recording.text(&Style::default());
    let titles: Vec<&str> = drawn
        .lines()
        .filter(|line| ["first", "second"].contains(line))
        .collect();
    assert_eq!(titles, ["first", "second"]);
    // Only `b` lives on into the second one.
    assert_eq!(
        drawn
            .lines()
            .filter(|line| line.starts_with("b <&"))
            .count(),
        2
    );
    assert_eq!(
        drawn.lines().filter(|line| line.starts_with("a ")).count(),
        1
    );
}
