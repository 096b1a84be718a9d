//! What is left when a future is dropped while it talks to the database.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use database::{Options, notes};
use futures::TryStreamExt as _;
use sqlx::AnyPool;
use sqlx::postgres::PgListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::{Engine, engines};

/// One connection: whatever state a dropped future leaves it in, the next query meets it.
const ONE: Options = Options {
    connections: 1,
    patience: Duration::from_secs(30),
};

async fn transfer(pool: AnyPool, halfway: Option<oneshot::Sender<()>>) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    for (name, amount) in [("Bob", 1_i64), ("Ada", -1)] {
        sqlx::query("UPDATE accounts SET balance = balance + $1 WHERE name = $2")
            .bind(amount)
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        if name == "Bob"
            && let Some(halfway) = halfway
        {
            halfway.send(()).unwrap();
            return std::future::pending().await;
        }
    }
    transaction.commit().await
}

async fn accounts(engine: &Engine) -> AnyPool {
    let pool = engine.pool(ONE).await;
    sqlx::query("INSERT INTO accounts VALUES ('Ada', 100), ('Bob', 0)")
        .execute(&pool)
        .await
        .unwrap();
    pool
}

async fn balances(pool: &AnyPool) -> Vec<i64> {
    sqlx::query_scalar("SELECT balance FROM accounts ORDER BY name")
        .fetch_all(pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn an_aborted_task_rolls_back() {
    for engine in engines().await {
        let pool = accounts(&engine).await;
        let (halfway, is_halfway) = oneshot::channel();
        let task = tokio::spawn(transfer(pool.clone(), Some(halfway)));
        is_halfway.await.unwrap();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(balances(&pool).await, [100, 0], "{}", engine.url);
        transfer(pool.clone(), None).await.unwrap();
        assert_eq!(balances(&pool).await, [99, 1], "{}", engine.url);
    }
}

/// Dropped after its first poll, its second, and so on: also while it begins and commits.
#[tokio::test]
async fn wherever_it_is_dropped_it_is_all_or_nothing() {
    for engine in engines().await {
        let pool = accounts(&engine).await;
        let mut done = 0;
        for polls in 0_u32.. {
            let finished = {
                let mut transfer = pin!(transfer(pool.clone(), None));
                let mut polled = 0;
                poll_fn(|context| {
                    if polled == polls {
                        return Poll::Ready(false);
                    }
                    polled += 1;
                    transfer.as_mut().poll(context).map(|result| result.is_ok())
                })
                .await
            };
            let now = balances(&pool).await;
            assert_eq!(
                now[0] + now[1],
                100,
                "dropped after {polls} polls: {now:?} {}",
                engine.url
            );
            // A commit that was sent may have come through.
            assert!(now[1] == done || now[1] == done + 1, "{now:?}");
            assert!(!finished || now[1] == done + 1);
            done = now[1];
            if finished {
                break;
            }
        }
        assert!(done > 0);
    }
}

/// Nobody tells the database that its answer is no longer wanted.
#[tokio::test]
async fn a_dropped_query_runs_on_and_keeps_its_connection_until_it_has_ended() {
    for engine in engines().await {
        let pool = engine.pool(ONE).await;
        // It stores a note when it has waited, or computed, for a while.
        let slow = if engine.is_postgres() {
            "INSERT INTO notes (title, text, title_folded, text_folded)
             SELECT 'late', '', 'late', '' FROM pg_sleep($1 / 1000000.0)"
        } else {
            "WITH RECURSIVE numbers(n) AS (
                 SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $1
             ) INSERT INTO notes (title, text, title_folded, text_folded)
             SELECT 'late', '', 'late', '' FROM (SELECT COUNT(*) FROM numbers)"
        };
        let mut connection = pool.acquire().await.unwrap();
        // Once with nothing to wait for: PostgreSQL has then prepared it, and the next call is sent
        // at its first poll.
        sqlx::query(slow)
            .bind(1.0)
            .execute(&mut *connection)
            .await
            .unwrap();
        let query = sqlx::query(slow).bind(500_000.0).execute(&mut *connection);
        assert!(timeout(Duration::from_millis(5), query).await.is_err());
        drop(connection);

        // The only connection comes back when the query has ended, and it has done its work.
        let page = notes::list(&pool, "late", 100, 0).await.unwrap();
        assert_eq!(page.total, 2, "{}", engine.url);
    }
}

/// The server can be told beforehand how long a query may take. Then it ends, and says so.
#[tokio::test]
async fn postgresql_can_end_a_query_itself() {
    for engine in engines().await.into_iter().filter(Engine::is_postgres) {
        let url = format!("{}?options[statement_timeout]=50ms", engine.url);
        let pool = database::open(&url, ONE).await.unwrap();
        let slow = sqlx::query("SELECT pg_sleep(30)").execute(&pool).await;
        let error = slow.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), "57014");
    }
}

/// asyncpg opens a second connection to say that it no longer wants the answer. sqlx does not.
#[tokio::test]
async fn asyncpg_cancels_a_query_on_the_server() {
    for engine in engines().await.into_iter().filter(Engine::is_postgres) {
        let Some(python) = common::testing::python(&["asyncpg"]) else {
            return;
        };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/asyncpg_cancelled.py");
        let mut command = tokio::process::Command::new(python);
        let seen = command.args([script, &engine.url]).output().await.unwrap();
        let errors = String::from_utf8_lossy(&seen.stderr);
        let lines = String::from_utf8_lossy(&seen.stdout).replace('\r', "");
        assert_eq!(
            lines, "late: 0\nhalf: 0\nexhausted: TimeoutError\n",
            "{errors}"
        );
    }
}

#[tokio::test]
async fn a_stream_can_be_dropped_at_any_row() {
    for engine in engines().await {
        let pool = engine.pool(ONE).await;
        for wanted in [0, 1, 60] {
            let mut rows = sqlx::query_scalar::<_, i64>(
                "WITH RECURSIVE numbers(n) AS (
                     SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < 5000
                 ) SELECT n FROM numbers",
            )
            .fetch(&pool);
            for number in 1..=wanted {
                assert_eq!(rows.try_next().await.unwrap(), Some(number));
            }
            drop(rows);
            assert_eq!(notes::list(&pool, "", 1, 0).await.unwrap().total, 0);
        }
    }
}

/// `recv` would connect again and say nothing; `try_recv` says that something may have been missed.
#[tokio::test]
async fn a_listener_can_miss_what_is_said_while_it_is_away() {
    for engine in engines().await.into_iter().filter(Engine::is_postgres) {
        let pool = engine.pool(ONE).await;
        let mut listener = PgListener::connect(&engine.url).await.unwrap();
        listener.listen("notes").await.unwrap();
        let say = "SELECT pg_notify('notes', $1)";
        sqlx::query(say).bind("heard").execute(&pool).await.unwrap();
        assert_eq!(listener.recv().await.unwrap().payload(), "heard");

        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE query LIKE 'LISTEN%' AND datname = current_database()";
        let ended = sqlx::query(end).fetch_all(&pool).await.unwrap();
        assert_eq!(ended.len(), 1);
        // Its process is gone when the server no longer lists it.
        loop {
            let still = sqlx::query(end).fetch_all(&pool).await.unwrap();
            if still.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        sqlx::query(say)
            .bind("missed")
            .execute(&pool)
            .await
            .unwrap();
        assert!(
            listener.try_recv().await.unwrap().is_none(),
            "the connection was lost"
        );
        // It connects again with the next call, so this one is heard only after that.
        assert!(
            timeout(Duration::from_millis(100), listener.recv())
                .await
                .is_err()
        );
        sqlx::query(say)
            .bind("heard again")
            .execute(&pool)
            .await
            .unwrap();
        assert_eq!(listener.recv().await.unwrap().payload(), "heard again");
    }
}
