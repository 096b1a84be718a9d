use std::sync::{Arc, Mutex};
use std::time::Duration;

use exercises::{check, same, seconds, took, wrong};
use tokio::time::{sleep, timeout};

use super::exercise::{Lost, copy};

const SECOND: Duration = Duration::from_secs(1);

/// What was seen of one copy.
#[derive(Clone, Debug, Default)]
struct Seen {
    lost: usize,
    time: Duration,
    /// The pages that were given up by `fetch`.
    given_up: Vec<u32>,
    saved: Vec<String>,
    /// Fetched or being fetched, and not yet being saved: now, and the most of them at a time.
    under_way: usize,
    most_under_way: usize,
    being_saved: usize,
    most_being_saved: usize,
}

/// Copies pages that take so many seconds each, from a server that answers in four parts.
/// `fetch` gives up after 4 seconds.
async fn run(pages: &[(u32, u64)], save_time: Duration) -> Seen {
    let shared = Arc::new(Mutex::new(Seen::default()));
    let times = pages.to_vec();
    let fetching = Arc::clone(&shared);
    let fetch = move |page: u32| {
        let seen = Arc::clone(&fetching);
        let (_, time) = times.iter().find(|(one, _)| *one == page).unwrap();
        let part = Duration::from_secs(*time) / 4;
        async move {
            {
                let mut seen = seen.lock().unwrap();
                seen.under_way += 1;
                seen.most_under_way = seen.most_under_way.max(seen.under_way);
            }
            let answer = async {
                for _ in 0..4 {
                    sleep(part).await;
                }
            };
            let answer = timeout(4 * SECOND, answer).await;
            if answer.is_err() {
                let mut seen = seen.lock().unwrap();
                seen.under_way -= 1;
                seen.given_up.push(page);
                return Err(Lost);
            }
            Ok(format!("page {page}"))
        }
    };
    let saving = Arc::clone(&shared);
    let save = move |text: String| {
        let seen = Arc::clone(&saving);
        seen.lock().unwrap().under_way -= 1;
        async move {
            {
                let mut seen = seen.lock().unwrap();
                seen.being_saved += 1;
                seen.most_being_saved = seen.most_being_saved.max(seen.being_saved);
                seen.saved.push(text);
            }
            sleep(save_time).await;
            seen.lock().unwrap().being_saved -= 1;
        }
    };
    let numbers = pages.iter().map(|(page, _)| *page).collect();
    let (lost, time) = took(copy(numbers, fetch, save)).await;
    let mut seen = shared.lock().unwrap().clone();
    seen.lost = lost;
    seen.time = time;
    seen
}

const SIX: [(u32, u64); 6] = [(1, 1), (2, 2), (3, 2), (4, 2), (5, 2), (6, 2)];

fn names(pages: &[(u32, u64)]) -> Vec<String> {
    pages
        .iter()
        .map(|(page, _)| format!("page {page}"))
        .collect()
}

#[test]
fn no_page_is_lost_while_another_one_is_saved() {
    check(async {
        let seen = run(&SIX, 10 * SECOND).await;
        let quick = run(&[(1, 3), (2, 1), (3, 2)], Duration::ZERO).await;
        let given_up = &seen.given_up;
        if seen.most_being_saved > 1 {
            wrong(
                "a-free-loop-is-the-cure",
                format!(
                    "{} pages were being saved at the same time, and one is the limit.",
                    seen.most_being_saved
                ),
            );
        }
        if !given_up.is_empty() && quick.saved.first().is_some_and(|page| page != "page 1") {
            wrong(
                "unordered-runs-on",
                format!(
                    "`save` took 10 s, and the pages {given_up:?} of six were lost, although the \
                     server needs 2 s at the most for each. And the order of the list is gone, too."
                ),
            );
        }
        if !given_up.is_empty() && !given_up.contains(&2) {
            wrong(
                "a-channel-lets-it-run",
                format!(
                    "`save` took 10 s. Page 2 was fetched while page 1 was saved; the pages \
                     {given_up:?} were lost later, although the server needs 2 s at the most for each."
                ),
            );
        }
        if !given_up.is_empty() && seen.most_under_way > 4 {
            wrong(
                "a-larger-buffer-runs-ahead",
                format!(
                    "`save` took 10 s, and the pages {given_up:?} of six were lost, although the \
                     server needs 2 s at the most for each. {} were under way at the same time.",
                    seen.most_under_way
                ),
            );
        }
        if !given_up.is_empty() {
            wrong(
                "streams-run-by-themselves",
                format!(
                    "`save` took 10 s, and the pages {given_up:?} of six were lost, although the \
                     server needs 2 s at the most for each: nobody asked them while page 1 was saved."
                ),
            );
        }
        same("the pages that were saved", seen.saved, names(&SIX));
        same("the number of pages lost", seen.lost, 0);
    });
}

#[test]
fn pages_are_saved_one_by_one_in_the_order_of_the_list() {
    check(async {
        let pages = [(7, 3), (4, 1), (9, 2), (1, 3), (3, 1)];
        for save_time in [Duration::ZERO, SECOND, 10 * SECOND] {
            let seen = run(&pages, save_time).await;
            let mut saved = seen.saved.clone();
            saved.sort();
            let mut all = names(&pages);
            all.sort();
            if seen.saved != names(&pages) && saved == all {
                wrong(
                    "results-as-they-finish",
                    format!(
                        "All pages were saved, and in this order: {:?}. The list was {:?}.",
                        seen.saved,
                        names(&pages)
                    ),
                );
            }
            same("the pages that were saved", seen.saved, names(&pages));
            same(
                "the number of pages that were being saved at the same time",
                seen.most_being_saved,
                1,
            );
        }
    });
}

#[test]
fn three_pages_are_fetched_at_the_same_time() {
    check(async {
        let seen = run(&SIX, Duration::ZERO).await;
        same(
            "the time of a page of 1 s and five of 2 s, if saving takes no time",
            seconds(seen.time),
            "4.0 s",
        );
        for save_time in [Duration::ZERO, SECOND, 10 * SECOND] {
            let most = run(&SIX, save_time).await.most_under_way;
            assert!(
                most <= 3,
                "If saving takes {}, up to {most} pages are being fetched or wait to be saved; 3 is \
                 the limit.",
                seconds(save_time)
            );
        }
    });
}

#[test]
fn a_page_that_is_lost_stops_nobody() {
    check(async {
        // The server needs longer for page 2 than anybody waits.
        let pages = [(1, 2), (2, 100), (3, 2), (4, 2)];
        let seen = run(&pages, SECOND).await;
        same("the pages that were lost", seen.given_up, [2]);
        same("the number of pages lost", seen.lost, 1);
        same(
            "the pages that were saved",
            seen.saved,
            ["page 1", "page 3", "page 4"],
        );
    });
}

#[test]
fn no_pages_and_one_page() {
    check(async {
        let seen = run(&[], SECOND).await;
        same("the pages of an empty list", seen.saved.len(), 0);
        same("the time of an empty list", seconds(seen.time), "0.0 s");
        let seen = run(&[(5, 2)], SECOND).await;
        same("the pages that were saved", seen.saved, ["page 5"]);
        same("the time of one page", seconds(seen.time), "3.0 s");
    });
}
