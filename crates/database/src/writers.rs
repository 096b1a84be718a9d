//! Is SQLite async? A library without a server, that waits for its disk and for its locks.
//!
//! You will see that a long query leaves the runtime's thread alone, and what happens when two
//! write at one time: SQLite allows one.
//!
//! ```console
//! $ cargo run -p database -- writers
//! ```
//!
//! In Python: `asyncio.to_thread` around `sqlite3`, which is what the package `aiosqlite` does.

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::time::{interval, sleep};

/// Something to compute: some tenths of a second.
const LONG: &str = "WITH RECURSIVE numbers(n) AS (
    SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 300000
) SELECT COUNT(*) FROM numbers";

const COUNT_UP: &str = "UPDATE counter SET value = value + 1";

/// Shows it in a file of its own, whichever database the lesson uses.
pub(crate) async fn run() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = SqliteConnectOptions::new()
        .filename(folder.path().join("counter.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::from_secs(5)); // sqlx's default
    let mut one = file.connect().await?;
    let mut two = file.connect().await?;
    sqlx::query("CREATE TABLE counter (value INTEGER NOT NULL)")
        .execute(&mut one)
        .await?;
    sqlx::query("INSERT INTO counter VALUES (0)")
        .execute(&mut one)
        .await?;

    let ticks = ticks_during_a_query(&mut one).await?;
    println!("while a query computed, another task ran {ticks} times");

    let impatient = file.clone().busy_timeout(Duration::ZERO);
    let mut hasty = impatient.connect().await?;
    let mut writing = one.begin().await?;
    sqlx::query(COUNT_UP).execute(&mut *writing).await?;
    let second = sqlx::query(COUNT_UP).execute(&mut hasty).await;
    println!("a second writer that does not wait: {}", said(second));
    let readable: i64 = sqlx::query_scalar("SELECT value FROM counter")
        .fetch_one(&mut hasty)
        .await?;
    println!("a reader meanwhile: sees {readable}");

    let (second, first) = tokio::join!(sqlx::query(COUNT_UP).execute(&mut two), async {
        sleep(Duration::from_millis(100)).await;
        writing.commit().await
    });
    first?;
    println!("a second writer that waits: {}", said(second));

    // Both read, then both want to write what they have computed from it.
    let both = "BEGIN"; // sqlx's own
    println!(
        "{both}, read, write, twice: {}",
        read_then_write(&mut one, &mut two, both).await?
    );
    let both = "BEGIN IMMEDIATE";
    println!(
        "{both}, read, write, twice: {}",
        read_then_write(&mut one, &mut two, both).await?
    );
    let value: i64 = sqlx::query_scalar("SELECT value FROM counter")
        .fetch_one(&mut one)
        .await?;
    println!("counted to {value}");
    Ok(())
}

async fn ticks_during_a_query(connection: &mut SqliteConnection) -> sqlx::Result<u32> {
    let mut ticks = 0;
    let mut clock = interval(Duration::from_millis(1));
    let mut query = pin!(sqlx::query(LONG).execute(connection));
    loop {
        tokio::select! {
            done = &mut query => {
                done?;
                return Ok(ticks);
            }
            _ = clock.tick() => ticks += 1,
        }
    }
}

/// Two transactions that begin with a read, overlapped as far as `begin` allows it. What the second
/// one got.
async fn read_then_write(
    one: &mut SqliteConnection,
    two: &mut SqliteConnection,
    begin: &'static str,
) -> sqlx::Result<String> {
    let mut first = one.begin_with(begin).await?;
    sqlx::query("SELECT value FROM counter")
        .execute(&mut *first)
        .await?;
    let second = async {
        let mut second = two.begin_with(begin).await?;
        sqlx::query("SELECT value FROM counter")
            .execute(&mut *second)
            .await?;
        sleep(Duration::from_millis(200)).await; // until the first has written
        let done = sqlx::query(COUNT_UP).execute(&mut *second).await?;
        second.commit().await?;
        Ok(done)
    };
    let first = async {
        sleep(Duration::from_millis(100)).await; // until the second has read
        sqlx::query(COUNT_UP).execute(&mut *first).await?;
        first.commit().await
    };
    let (second, first) = tokio::join!(second, first);
    first?;
    Ok(said(second))
}

fn said<T>(result: sqlx::Result<T>) -> String {
    match result {
        Ok(_) => "written".to_owned(),
        Err(sqlx::Error::Database(error)) => {
            let code = error.code().unwrap_or_default();
            format!("code {code}, {}", error.message())
        }
        Err(error) => error.to_string(),
    }
}
