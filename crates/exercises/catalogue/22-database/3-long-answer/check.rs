use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use exercises::{check, same, seconds, took, wrong};
use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::exercise::{Failed, Row, Rows, export};

const SECOND: Duration = Duration::from_secs(1);
const TEN_MINUTES: Duration = Duration::from_secs(600);

/// How many rows the client's channel has room for.
const ROOM: usize = 4;

/// More rows than this on their way are not "a few".
const FEW: usize = 20;

/// What a query does next.
#[derive(Clone, Copy)]
enum Step {
    /// After so long, a row.
    Row(Duration),
    Breaks,
}

/// A query as the database sees it.
#[derive(Default)]
struct Query {
    read: AtomicUsize,
    /// Whether its stream, and with it the connection, is gone.
    returned: AtomicBool,
}

struct Connection(Arc<Query>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.returned.store(true, Relaxed);
    }
}

fn query(steps: Vec<Step>) -> (Arc<Query>, Rows) {
    let query = Arc::new(Query::default());
    let connection = Connection(Arc::clone(&query));
    let rows = futures::stream::iter((1..).zip(steps)).then(move |(id, step)| {
        let query = Arc::clone(&connection.0);
        async move {
            let Step::Row(time) = step else {
                return Err(Failed::Broken);
            };
            if !time.is_zero() {
                sleep(time).await;
            }
            query.read.fetch_add(1, Relaxed);
            let title = format!("note {id}");
            Ok(Row { id, title })
        }
    });
    (query, rows.boxed())
}

/// What a client gets that reads as fast as it can.
async fn exported(steps: Vec<Step>) -> (Result<usize, Failed>, Vec<String>, bool) {
    let (query, rows) = query(steps);
    let (client, mut lines) = mpsc::channel(ROOM);
    let read = async {
        let mut read = Vec::new();
        while let Some(line) = lines.recv().await {
            read.push(line);
        }
        read
    };
    let (result, lines) = tokio::join!(export(rows, client), read);
    (result, lines, query.returned.load(Relaxed))
}

#[test]
fn each_row_is_a_line() {
    check(async {
        let (result, lines, returned) = exported(vec![Step::Row(SECOND); 3]).await;
        same(
            "the lines of three rows",
            lines,
            ["1: note 1", "2: note 2", "3: note 3"],
        );
        same("the result", result, Ok(3));
        same("the connection is returned", returned, true);
        let (result, lines, _) = exported(Vec::new()).await;
        same("the lines of no rows", lines.len(), 0);
        same("the result", result, Ok(0));
    });
}

#[test]
fn a_slow_client_slows_the_database_down() {
    check(async {
        let (query, rows) = query(vec![Step::Row(Duration::from_millis(100)); 200]);
        let (client, mut lines) = mpsc::channel(ROOM);
        let started = Instant::now();
        let read = async {
            let (mut first, mut count, mut most) = (None, 0, 0);
            while lines.recv().await.is_some() {
                first.get_or_insert(started.elapsed());
                count += 1;
                sleep(SECOND).await;
                most = most.max(query.read.load(Relaxed).saturating_sub(count));
            }
            (first, count, most)
        };
        let (result, (first, count, most)) = tokio::join!(export(rows, client), read);
        if first > Some(Duration::from_secs(10)) {
            wrong(
                "all-rows-fit",
                format!(
                    "The database had a row each 0.1 s, two hundred in all. The client got its \
                     first line after {}, and {most} rows lay in memory then.",
                    seconds(first.unwrap_or_default())
                ),
            );
        }
        if most > FEW {
            wrong(
                "a-queue-absorbs-it",
                format!(
                    "The database had a row each 0.1 s, and the client read a line a second. Of two \
                     hundred rows, {most} had been read and not got by anybody."
                ),
            );
        }
        same("the number of lines of two hundred rows", count, 200);
        same("the result", result, Ok(200));
    });
}

#[test]
fn a_broken_answer_is_not_a_whole_one() {
    check(async {
        let row = Step::Row(SECOND);
        let (result, lines, returned) = exported(vec![row, row, Step::Breaks]).await;
        if result.is_ok() {
            wrong(
                "no-more-rows-is-the-end",
                format!(
                    "After two rows the database broke off, and the result is {result:?}: whoever \
                     asked takes two rows for all there are."
                ),
            );
        }
        same("the result", result, Err(Failed::Broken));
        same("the lines that were sent before", lines.len(), 2);
        same("the connection is returned", returned, true);
    });
}

#[test]
fn who_leaves_is_noticed_at_once() {
    check(async {
        // While the database thinks, and while a slow client has no room for more.
        let thinks = [SECOND, SECOND, TEN_MINUTES, SECOND]
            .map(Step::Row)
            .to_vec();
        let hurries = vec![Step::Row(Duration::ZERO); 100];
        for (steps, what) in [
            (thinks, "while the database thought about its third row"),
            (hurries, "with many lines to come"),
        ] {
            let (query, rows) = query(steps);
            let (client, lines) = mpsc::channel(ROOM);
            let leaves = async {
                sleep(5 * SECOND).await;
                drop(lines);
            };
            let limited = timeout(2 * TEN_MINUTES, took(export(rows, client)));
            let (ended, ()) = tokio::join!(limited, leaves);
            let Ok((result, time)) = ended else {
                panic!("The client left after 5.0 s, {what}, and `export` never ended.");
            };
            if time >= TEN_MINUTES {
                wrong(
                    "a-send-notices-who-left",
                    format!(
                        "The client left after 5.0 s, {what}. It was noticed after {}, when that \
                         row had come. The connection was kept for nobody until then.",
                        seconds(time)
                    ),
                );
            }
            same(
                format!("the time, when the client left after 5.0 s, {what}"),
                seconds(time),
                "5.0 s",
            );
            same("the result", result, Err(Failed::Gone));
            sleep(Duration::from_millis(1)).await;
            must_be_returned(&query, &format!("The client left {what}"));
        }
    });
}

#[test]
fn dropped_it_returns_the_connection() {
    check(async {
        let (query, rows) = query([SECOND, TEN_MINUTES].map(Step::Row).to_vec());
        let (client, _lines) = mpsc::channel(ROOM);
        let dropped = timeout(5 * SECOND, export(rows, client)).await;
        same("it had ended when it was dropped", dropped.is_ok(), false);
        sleep(Duration::from_millis(1)).await;
        must_be_returned(&query, "`export` was dropped");
    });
}

fn must_be_returned(query: &Query, what: &str) {
    if !query.returned.load(Relaxed) {
        wrong(
            "dropped-handle-cancels",
            format!(
                "{what}, and the connection did not come back: something still has the stream, and \
                 waits for the next row."
            ),
        );
    }
}
