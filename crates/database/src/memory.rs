//! A large result: all of it at once, and row by row. How much memory each takes.
//!
//! ```console
//! $ cargo run -p database -- memory
//! $ cargo run -p database -- memory --url postgres://user:password@127.0.0.1/notes
//! ```
//!
//! In Python: `await connection.fetch(…)`, and `async for row in connection.cursor(…)`.

use futures::TryStreamExt as _;
use sqlx::{AnyPool, Row as _};

/// Rows of about a hundred characters, which the database makes up.
const ROWS: &str = "WITH RECURSIVE numbers(n) AS (
    SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < $1
) SELECT n, 'a row with so many characters that a hundred thousand of them take ten megabytes of memory' FROM numbers";

/// Asks for `rows` rows twice.
pub(crate) async fn run(pool: &AnyPool, rows: i64) -> sqlx::Result<()> {
    let mut connection = pool.acquire().await?;

    // This one first: what a program has had, it keeps, and the second would hide behind it.
    let before = memory();
    let mut most = before;
    let mut characters = 0;
    let mut count: i64 = 0;
    let mut stream = sqlx::query(ROWS).bind(rows).fetch(&mut *connection);
    while let Some(row) = stream.try_next().await? {
        characters += row.try_get::<&str, _>(1)?.len();
        count += 1;
        if count % 1_000 == 0 {
            most = most.max(memory());
        }
    }
    drop(stream);
    println!(
        "fetch:     {count} rows, {characters} characters, {} MB more",
        most - before
    );

    let before = memory();
    let all = sqlx::query(ROWS)
        .bind(rows)
        .fetch_all(&mut *connection)
        .await?;
    println!(
        "fetch_all: {} rows, {} MB more",
        all.len(),
        memory() - before
    );
    drop(connection);
    pool.close().await;
    Ok(())
}

/// What the program occupies now, in megabytes.
fn memory() -> i64 {
    let bytes = memory_stats::memory_stats().map_or(0, |stats| stats.physical_mem);
    i64::try_from(bytes / 1_000_000).unwrap_or(i64::MAX)
}
