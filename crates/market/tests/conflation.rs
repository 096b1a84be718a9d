//! A client that is slow sees the latest, and what it sees is right; one that never reads costs one
//! update. All in virtual time, and without sockets: what is measured is counted.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod client;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use client::{Event, Page, events};
use futures::{Stream, StreamExt as _};
use hyper_util::server::graceful::GracefulShutdown;
use market::exchange::Exchange;
use market::live::{Limits, Live};
use market::server;
use market::sse;
use market::view::{View, Wanted};
use market::{Options, Symbol, Trade};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep, timeout};

const MILLISECOND: Duration = Duration::from_millis(1);

fn live(limits: Limits) -> Arc<Live> {
    Live::new(Options::default(), limits, "a test".to_owned())
}

fn exchange(count: u64) -> Vec<Trade> {
    Exchange::new(7, Some(count)).collect()
}

type Updates = std::pin::Pin<Box<dyn Stream<Item = Bytes> + Send>>;

fn connect(live: &Arc<Live>, wanted: Wanted, id: Option<&str>) -> Updates {
    let place = Arc::new(tokio::sync::Semaphore::new(1));
    let place = place.try_acquire_owned().unwrap();
    Box::pin(sse::stream(Arc::clone(live), wanted, id, place))
}

async fn next(updates: &mut Updates) -> Vec<Event> {
    events(&updates.next().await.unwrap())
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

/// The market as a new client would see it.
fn snapshot(live: &Live) -> Page {
    let now = live.watch();
    let now = now.borrow();
    let view = View::snapshot(&now.market, &Wanted::All, "a test");
    let mut page = Page::default();
    page.snapshot(&serde_json::to_value(&view).unwrap());
    page
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// However many changes fall between two updates: put together, they are the whole.
    #[test]
    fn updates_add_up(
        reads in proptest::collection::vec(1..1500_usize, 1..12),
        bar in 100..5000_i64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let options = Options { bar, ..Options::default() };
            let live = Live::new(options, Limits::default(), "a test".to_owned());
            let trades = exchange(6000);
            let mut updates = connect(&live, Wanted::All, None);
            let (mut page, mut rest) = (Page::default(), trades.as_slice());
            page.take(&next(&mut updates).await);
            for changes in reads {
                let (some, after) = rest.split_at(changes.min(rest.len()));
                rest = after;
                if some.is_empty() {
                    break;
                }
                live.add(some);
                page.take(&next(&mut updates).await);
                assert_eq!(page, snapshot(&live));
            }
            live.finish();
            page.take(&next(&mut updates).await);
            assert!(std::mem::take(&mut page.has_ended) && updates.next().await.is_none());
            assert_eq!(page, snapshot(&live));
        });
    }
}

#[tokio::test(start_paused = true)]
async fn who_never_reads_costs_one_update() {
    let live = live(Limits {
        patience: Duration::MAX,
        ..Limits::default()
    });
    let mut never_reads = connect(&live, Wanted::All, None);
    // It has reached the connection, and stays there.
    let stuck = never_reads.next().await.unwrap();
    let mut waiting = tokio::spawn(async move { never_reads.next().await });

    for trade in exchange(100_000) {
        live.add(&[trade]);
        tokio::task::yield_now().await;
    }
    sleep(Duration::from_hours(1)).await;
    assert!(timeout(MILLISECOND, &mut waiting).await.is_err());
    assert_eq!(live.made(), (1, stuck.len() as u64));

    // Then it reads after all, and gets what is true now, not what has been.
    drop(stuck);
    let update = events(&waiting.await.unwrap().unwrap());
    let id = &update.last().unwrap().id;
    assert!(id.ends_with("-100000"), "{id}");
    assert_eq!(live.made().0, 2);
}

/// Of 200 clients 199 never read. For the other one it makes no difference: it sees each trade within
/// a tenth of a second.
#[tokio::test(start_paused = true)]
async fn who_never_reads_does_not_delay_the_others() {
    let live = live(Limits {
        patience: Duration::MAX,
        ..Limits::default()
    });
    let mut stuck = Vec::new();
    for _ in 0..199 {
        let mut client = connect(&live, Wanted::All, None);
        let update = client.next().await.unwrap();
        // It is asked for more, as hyper would do.
        stuck.push(tokio::spawn(
            async move { (client.next().await, drop(update)) },
        ));
    }
    let mut healthy = connect(&live, Wanted::All, None);
    next(&mut healthy).await;

    let trades = exchange(2000);
    let feed = tokio::spawn({
        let (live, trades) = (Arc::clone(&live), trades.clone());
        async move {
            let begin = Instant::now();
            for trade in &trades {
                let due = u64::try_from(trade.arrival - trades[0].arrival).unwrap();
                tokio::time::sleep_until(begin + Duration::from_millis(due)).await;
                live.add(&[*trade]);
            }
            live.finish();
        }
    });
    let begin = Instant::now();
    let (mut updates, mut slowest) = (0, 0);
    let mut last = Instant::now();
    while let Some(update) = healthy.next().await {
        let update = events(&update);
        updates += 1;
        let now = i64::try_from(begin.elapsed().as_millis()).unwrap();
        let version = update.iter().map(Event::version).max().unwrap();
        // The oldest trade that is new in this update has waited longest.
        let seen = usize::try_from(version).unwrap_or(0);
        if let Some(next) = trades.get(seen) {
            // What is not in it has not happened yet.
            assert!(next.arrival - trades[0].arrival >= now, "{seen}");
            slowest = slowest.max(now - (trades[seen - 1].arrival - trades[0].arrival));
        }
        assert!(
            updates == 1 || last.elapsed() >= 100 * MILLISECOND || names(&update).contains(&"end")
        );
        last = Instant::now();
    }
    feed.await.unwrap();
    assert!(slowest <= 101, "a trade was seen after {slowest} ms");
    assert_eq!(
        live.made().0,
        199 + 1 + updates,
        "and nothing for the others"
    );
    assert!(stuck.iter().all(|client| !client.is_finished()));
}

/// With hyper, which would ask for sixteen updates ahead if these did not tell when they are gone.
#[tokio::test(start_paused = true)]
async fn hyper_takes_no_update_ahead() {
    let live = live(Limits {
        patience: Duration::MAX,
        ..Limits::default()
    });
    let (mut client, server) = tokio::io::duplex(1024);
    let graceful = GracefulShutdown::new();
    let watcher = graceful.watcher();
    tokio::spawn(server::connection(server, Arc::clone(&live), watcher));
    client
        .write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();

    let mut most = 0;
    for some in exchange(100_000).chunks(100) {
        live.add(some);
        sleep(200 * MILLISECOND).await;
        most = most.max(live.made().0);
    }
    // The snapshot, and updates as long as the kilobyte of the pipe had room for their beginning.
    assert!(
        most <= 2,
        "{most} updates were made for a client that does not read"
    );

    // It has read the old ones; from then on it sees what is new.
    live.finish();
    let mut text = Vec::new();
    let end = b"event: end\ndata: {}\n\n";
    while !text.windows(end.len()).any(|window| window == end) {
        assert_ne!(client.read_buf(&mut text).await.unwrap(), 0);
    }
    assert_eq!(live.made().0, most + 1, "one update for all the rest");
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_for_a_minute_is_closed() {
    let live = live(Limits::default());
    let (mut client, server) = tokio::io::duplex(64);
    let graceful = GracefulShutdown::new();
    let watcher = graceful.watcher();
    let connection = tokio::spawn(server::connection(server, Arc::clone(&live), watcher));
    live.add(&exchange(10_000));
    let begin = Instant::now();
    client
        .write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    connection.await.unwrap();
    assert_eq!(begin.elapsed(), Duration::from_mins(1));
}

#[tokio::test(start_paused = true)]
async fn no_more_than_so_many_updates_a_second() {
    let live = live(Limits {
        pause: 250 * MILLISECOND,
        ..Limits::default()
    });
    let mut updates = connect(&live, Wanted::All, None);
    next(&mut updates).await;
    let begin = Instant::now();
    let feed = tokio::spawn({
        let live = Arc::clone(&live);
        async move {
            for trade in exchange(1000) {
                live.add(&[trade]);
                sleep(10 * MILLISECOND).await;
            }
        }
    });
    let mut count = 0;
    while begin.elapsed() < Duration::from_secs(10) {
        next(&mut updates).await;
        count += 1;
    }
    assert_eq!(count, 40);
    feed.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn silence_and_others_news() {
    let live = live(Limits::default());
    let acme = Symbol::new(b"ACME").unwrap();
    let wanted = Wanted::Only([acme].into());
    let mut updates = connect(&live, wanted, None);
    next(&mut updates).await;
    let (of_acme, of_others): (Vec<Trade>, Vec<Trade>) = exchange(1000)
        .into_iter()
        .partition(|trade| trade.symbol == acme);
    let begin = Instant::now();
    let feed = tokio::spawn({
        let live = Arc::clone(&live);
        async move {
            for trade in of_others.iter().cycle().take(200) {
                live.add(&[*trade]);
                sleep(100 * MILLISECOND).await;
            }
            live.add(&of_acme);
        }
    });
    let alive = updates.next().await.unwrap();
    assert_eq!(
        (alive.as_ref(), begin.elapsed()),
        (b": alive\n\n".as_ref(), sse::ALIVE)
    );
    drop(alive);
    let update = next(&mut updates).await;
    // At once, but for the pause after the last look at what was of others.
    assert!(begin.elapsed() <= Duration::from_millis(20_100));
    let symbols = update.last().unwrap().data["symbols"]
        .as_array()
        .unwrap()
        .clone();
    assert!(symbols.iter().all(|symbol| symbol["symbol"] == "ACME") && symbols.len() == 1);
    feed.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_server_stops() {
    let live = live(Limits::default());
    let mut updates = connect(&live, Wanted::All, None);
    next(&mut updates).await;
    live.stop();
    assert_eq!(names(&next(&mut updates).await), ["bye"]);
    assert!(updates.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_gets_what_it_has_missed() {
    let live = live(Limits::default());
    let trades = exchange(3000);
    let mut updates = connect(&live, Wanted::All, None);
    live.add(&trades[..1500]);
    let first = next(&mut updates).await;
    assert_eq!(names(&first), ["snapshot"]);
    drop(updates);
    live.add(&trades[1500..]);

    // Of this run: an update, with the alerts meanwhile before it.
    let id = first[0].id.clone();
    let again = next(&mut connect(&live, Wanted::All, Some(&id))).await;
    let mut expected = vec!["alert"; again.len() - 1];
    expected.push("update");
    assert_eq!(names(&again), expected);
    assert!(again.len() > 1, "there were alerts in between");
    let mut page = Page::default();
    page.take(&first);
    page.take(&again);
    assert_eq!(page, snapshot(&live));
    assert!(
        again
            .iter()
            .all(|event| event.id.is_empty() || event.name == "update")
    );

    // Of another run, from the future, or none at all: a snapshot.
    let (epoch, _) = id.split_once('-').unwrap();
    for id in [
        "",
        "17",
        "00000000-17",
        &format!("{epoch}-999999"),
        &format!("{epoch}--1"),
    ] {
        let news = next(&mut connect(&live, Wanted::All, Some(id))).await;
        assert_eq!(names(&news), ["snapshot"], "{id}");
    }

    assert!(!sse::has_seen_all(&live, &format!("{epoch}-3000")));
    live.finish();
    assert!(sse::has_seen_all(&live, &format!("{epoch}-3001")));
    assert!(!sse::has_seen_all(&live, "00000000-3001"));
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_nothing_is_closed() {
    let live = live(Limits::default());
    let graceful = GracefulShutdown::new();
    // Half a request; none at all; and one, with none after it.
    for (request, answers) in [
        ("GET /state HTTP/1.1\r\nHost:", 0),
        ("", 0),
        ("GET /state HTTP/1.1\r\nHost: localhost\r\n\r\n", 1),
    ] {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        let connection = server::connection(server, Arc::clone(&live), graceful.watcher());
        let connection = tokio::spawn(connection);
        let begin = Instant::now();
        client.write_all(request.as_bytes()).await.unwrap();
        connection.await.unwrap();
        assert_eq!(begin.elapsed(), Duration::from_secs(5), "{request:?}");
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        assert_eq!(text.matches("HTTP/1.1 200").count(), answers, "{text}");
    }
}
