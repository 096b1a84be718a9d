//! The lesson: what a program does with a database while other tasks run.

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use common::{Stage, Trace as _};
use database::notes;
use futures::TryStreamExt as _;
use futures::future::try_join_all;
use sqlx::any::AnyPoolOptions;
use sqlx::postgres::PgListener;
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// How long each of six tasks keeps its connection.
const HOLD: Duration = Duration::from_millis(200);

/// Shows everything, and leaves the database as it was.
pub(crate) async fn run(stage: &Stage, url: &str, pool: &AnyPool) -> Result<(), Box<dyn Error>> {
    let mut connection = pool.acquire().await?;
    let engine = connection.backend_name().to_owned();
    let rows: i64 =
        sqlx::query_scalar("SELECT (SELECT COUNT(*) FROM notes) + (SELECT COUNT(*) FROM accounts)")
            .fetch_one(&mut *connection)
            .await?;
    drop(connection);
    if rows > 0 {
        return Err("this database is in use; show the lesson on an empty one".into());
    }
    let version: i64 = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations")
        .fetch_one(pool)
        .await?;
    println!("{engine}, tables at version {version}");

    rows_as_types(pool).await?;
    injection(pool).await?;
    streaming(pool).await?;
    stage.scene("six queries, two connections");
    two_connections(url).await?;
    exhausted(url).await?;
    stage.scene("transactions");
    transactions(pool).await?;
    notifications(&engine, url, pool).await?;

    sqlx::query("DELETE FROM notes").execute(pool).await?;
    sqlx::query("DELETE FROM accounts").execute(pool).await?;
    pool.close().await;
    Ok(())
}

async fn rows_as_types(pool: &AnyPool) -> sqlx::Result<()> {
    notes::create(pool, "milk", "two bottles").await?;
    notes::create(pool, "bread", "100% rye").await?;
    notes::create(pool, "O'Reilly", "bring the book back").await?;
    let page = notes::list(pool, "BO", 20, 0).await?;
    println!("search BO: {} of 3 notes", page.total);
    for note in page.notes {
        println!("  {}: {}", note.title, note.text);
    }
    Ok(())
}

/// Somebody searches for a piece of SQL.
async fn injection(pool: &AnyPool) -> sqlx::Result<()> {
    let title = "' OR 'a' = 'a";
    println!("title {title}");

    // A value, sent beside the SQL. It is never read as SQL.
    let found = sqlx::query("SELECT title FROM notes WHERE title = $1")
        .bind(title)
        .fetch_all(pool)
        .await?;
    println!("  bound: {} notes", found.len());

    // Without AssertSqlSafe, this does not compile.
    let sql = format!("SELECT title FROM notes WHERE title = '{title}'");
    let found = sqlx::query(AssertSqlSafe(sql)).fetch_all(pool).await?;
    println!("  glued: {} notes", found.len());
    Ok(())
}

/// One row at a time, however many there are.
async fn streaming(pool: &AnyPool) -> sqlx::Result<()> {
    let mut rows = sqlx::query_scalar::<_, i64>(
        "WITH RECURSIVE numbers(n) AS (
             SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000
         ) SELECT n FROM numbers",
    )
    .fetch(pool);
    let (mut count, mut sum) = (0, 0);
    while let Some(number) = rows.try_next().await? {
        count += 1;
        sum += number;
    }
    println!("streamed {count} rows, their sum is {sum}");
    Ok(())
}

async fn two_connections(url: &str) -> Result<(), Box<dyn Error>> {
    let pool = AnyPoolOptions::new()
        .max_connections(2)
        .connect(url)
        .await?;
    let start = Instant::now();
    let queries = (1..=6).map(|number| {
        let pool = pool.clone();
        let query = async move {
            let mut connection = pool.acquire().await?;
            sqlx::query("SELECT 1").execute(&mut *connection).await?;
            sleep(HOLD).await; // stands in for a slow query
            Ok::<_, sqlx::Error>(())
        };
        tokio::spawn(query.traced(format!("query({number})")))
    });
    for query in try_join_all(queries).await? {
        query?;
    }
    let took = start.elapsed().as_secs_f64();
    println!(
        "six queries of 0.2 s: {} connections, {took:.1} s in all",
        pool.size()
    );
    pool.close().await;
    Ok(())
}

async fn exhausted(url: &str) -> sqlx::Result<()> {
    let pool = AnyPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_millis(500))
        .connect(url)
        .await?;
    let kept = pool.acquire().await?;
    match pool.acquire().await {
        Err(sqlx::Error::PoolTimedOut) => println!("the only connection is kept: gave up waiting"),
        Err(error) => return Err(error),
        Ok(_) => println!("a pool of one gave out two"),
    }
    drop(kept);
    drop(pool.acquire().await?);
    println!("it was returned: here it is");
    pool.close().await;
    Ok(())
}

/// Both updates or neither. Whichever way this ends without `commit`, by an error, a panic, or by
/// being dropped: `Drop` of the transaction rolls it back.
async fn transfer(pool: &AnyPool, amount: i64, halfway: Option<&Notify>) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    sqlx::query("UPDATE accounts SET balance = balance + $1 WHERE name = 'Bob'")
        .bind(amount)
        .execute(&mut *transaction)
        .await?;
    if let Some(halfway) = halfway {
        println!(
            "  halfway, seen from inside: {}",
            balances(&mut transaction).await?
        );
        halfway.notify_one();
        std::future::pending::<()>().await; // a server that does not answer
    }
    sqlx::query("UPDATE accounts SET balance = balance - $1 WHERE name = 'Ada'")
        .bind(amount)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

async fn balances(connection: &mut AnyConnection) -> sqlx::Result<String> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT name, balance FROM accounts ORDER BY name")
            .fetch_all(connection)
            .await?;
    let row: Vec<_> = rows
        .iter()
        .map(|(name, balance)| format!("{name} {balance}"))
        .collect();
    Ok(row.join(", "))
}

async fn transactions(pool: &AnyPool) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO accounts (name, balance) VALUES ('Ada', 100), ('Bob', 0)")
        .execute(pool)
        .await?;
    transfer(pool, 30, None).await?;
    println!(
        "transfer 30: {}",
        balances(&mut *pool.acquire().await?).await?
    );

    // The table allows no debts. `?` returns early, and the transaction is dropped.
    match transfer(pool, 500, None).await {
        Err(sqlx::Error::Database(error)) if error.is_check_violation() => {
            println!("transfer 500: refused");
        }
        other => other?,
    }
    println!(
        "  after it: {}",
        balances(&mut *pool.acquire().await?).await?
    );

    println!("transfer 50, dropped halfway");
    let halfway = Notify::new();
    {
        let mut transfer = pin!(transfer(pool, 50, Some(&halfway)).traced("transfer(50)"));
        tokio::select! {
            result = &mut transfer => result?,
            () = halfway.notified() => {}
        }
    } // dropped here, between the two updates
    println!(
        "  after it: {}",
        balances(&mut *pool.acquire().await?).await?
    );
    Ok(())
}

/// PostgreSQL can tell that something has happened. Nobody has to ask again and again.
async fn notifications(engine: &str, url: &str, pool: &AnyPool) -> sqlx::Result<()> {
    if engine != "PostgreSQL" {
        println!("LISTEN and NOTIFY: {engine} has neither");
        return Ok(());
    }
    // Not `Any`: only this driver can listen.
    let mut listener = PgListener::connect(url).await?;
    listener.listen("notes").await?;

    let mut dropped = pool.begin().await?;
    sqlx::query("SELECT pg_notify('notes', 'never happened')")
        .execute(&mut *dropped)
        .await?;
    drop(dropped);
    sqlx::query("SELECT pg_notify('notes', 'milk')")
        .execute(pool)
        .await?;
    let notification = listener.recv().await?;
    println!("LISTEN and NOTIFY: heard {}", notification.payload());
    Ok(())
}
