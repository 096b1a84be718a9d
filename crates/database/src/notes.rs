//! The queries of the service. The same text runs on both engines.

use serde::Serialize;
use sqlx::{AnyPool, FromRow};

/// A note, as it is stored and as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, Serialize)]
pub struct Note {
    /// Given by the database, increasing.
    pub id: i64,
    /// 1 to 100 characters.
    pub title: String,
    /// At most 10,000 characters.
    pub text: String,
}

/// Some of the notes, and how many there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page {
    /// From the oldest to the newest.
    pub notes: Vec<Note>,
    /// How many fit the search, on all pages.
    pub total: i64,
}

/// SQLite refuses a longer pattern. One of this length fits no note: the longest text has 10,000
/// characters, which are at most 40,000 bytes.
const MAX_PATTERN: usize = 50_000;

// With `Any`, and with SQLite's driver, `fetch_one` and `fetch_optional` return as soon as there is a
// row. A row of `RETURNING` comes before the commit, which may still fail. `fetch_all` reads the
// answer to its end.

/// Stores a note. When this returns `Ok`, the note survives a crash of the program, and of the
/// database.
///
/// # Errors
///
/// When the database cannot be asked. Then the note may be stored or not.
pub async fn create(pool: &AnyPool, title: &str, text: &str) -> sqlx::Result<Note> {
    let stored = sqlx::query_as(
        "INSERT INTO notes (title, text, title_folded, text_folded) VALUES ($1, $2, $3, $4) \
         RETURNING id, title, text",
    )
    .bind(title)
    .bind(text)
    .bind(title.to_lowercase())
    .bind(text.to_lowercase())
    .fetch_all(pool)
    .await?;
    stored.into_iter().next().ok_or(sqlx::Error::RowNotFound)
}

/// The note with this number, if there is one.
///
/// # Errors
///
/// When the database cannot be asked.
pub async fn get(pool: &AnyPool, id: i64) -> sqlx::Result<Option<Note>> {
    sqlx::query_as("SELECT id, title, text FROM notes WHERE id = $1")
        .bind(id)
        .fetch_optional(pool)
        .await
}

/// Replaces a note, and returns it, if there is one with this number.
///
/// # Errors
///
/// When the database cannot be asked. Then the note may be changed or not.
pub async fn change(
    pool: &AnyPool,
    id: i64,
    title: &str,
    text: &str,
) -> sqlx::Result<Option<Note>> {
    let changed = sqlx::query_as(
        "UPDATE notes SET title = $1, text = $2, title_folded = $3, text_folded = $4 \
         WHERE id = $5 RETURNING id, title, text",
    )
    .bind(title)
    .bind(text)
    .bind(title.to_lowercase())
    .bind(text.to_lowercase())
    .bind(id)
    .fetch_all(pool)
    .await?;
    Ok(changed.into_iter().next())
}

/// Deletes a note. Whether there was one with this number.
///
/// # Errors
///
/// When the database cannot be asked. Then the note may be deleted or not.
pub async fn delete(pool: &AnyPool, id: i64) -> sqlx::Result<bool> {
    let done = sqlx::query("DELETE FROM notes WHERE id = $1")
        .bind(id)
        .execute(pool)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// The notes whose title or text has `search` in it, in whichever case: `limit` of them, after
/// the first `offset`.
///
/// The two queries see the table one after the other: a note that is stored in between is in
/// `total` only.
///
/// # Errors
///
/// When the database cannot be asked.
pub async fn list(pool: &AnyPool, search: &str, limit: i64, offset: i64) -> sqlx::Result<Page> {
    let pattern = format!("%{}%", literally(&search.to_lowercase()));
    // No text has a zero character: PostgreSQL knows none, and the service refuses it.
    if pattern.len() > MAX_PATTERN || pattern.contains('\0') {
        return Ok(Page {
            notes: Vec::new(),
            total: 0,
        });
    }
    // One connection for both, not one after the other: who has got one keeps it.
    let mut connection = pool.acquire().await?;
    let notes = sqlx::query_as(
        r"SELECT id, title, text FROM notes
          WHERE title_folded LIKE $1 ESCAPE '\' OR text_folded LIKE $1 ESCAPE '\'
          ORDER BY id LIMIT $2 OFFSET $3",
    )
    .bind(&pattern)
    .bind(limit)
    .bind(offset)
    .fetch_all(&mut *connection)
    .await?;
    let total = sqlx::query_scalar(
        r"SELECT COUNT(*) FROM notes
          WHERE title_folded LIKE $1 ESCAPE '\' OR text_folded LIKE $1 ESCAPE '\'",
    )
    .bind(&pattern)
    .fetch_one(&mut *connection)
    .await?;
    Ok(Page { notes, total })
}

/// The text as a pattern of LIKE that fits nothing but this text.
///
/// `bind` keeps a value from being read as SQL. It does not keep LIKE from reading `%` and `_` in
/// it.
fn literally(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}
