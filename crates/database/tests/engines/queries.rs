//! What is stored, found, and refused.

use database::{OpenError, Options, notes};
use sqlx::{AnyPool, AssertSqlSafe};

use crate::engines;

async fn titles(pool: &AnyPool, search: &str) -> Vec<String> {
    let page = notes::list(pool, search, 100, 0).await.unwrap();
    assert_eq!(page.total, i64::try_from(page.notes.len()).unwrap());
    page.notes.into_iter().map(|note| note.title).collect()
}

#[tokio::test]
async fn values_come_back_as_they_went() {
    for engine in engines().await {
        let pool = engine.pool(Options::default()).await;
        for text in [
            "",
            "'; DROP TABLE notes; --",
            "$1 ? :a @b \\ \" `",
            "<script>alert(1)</script>",
            "a\nb\r\n\t\u{1F4A5} e\u{301} \u{202e}",
        ] {
            let note = notes::create(&pool, text, text).await.unwrap();
            let read = notes::get(&pool, note.id).await.unwrap().unwrap();
            assert_eq!(read, note);
            assert_eq!((&*read.title, &*read.text), (text, text), "{}", engine.url);
        }
    }
}

#[tokio::test]
async fn a_search_is_a_text_and_no_pattern_and_knows_other_letters_than_a_to_z() {
    for engine in engines().await {
        let pool = engine.pool(Options::default()).await;
        for title in ["100%", "100 per cent", "a_b", "axb", r"C:\temp", "ÄRGER"] {
            notes::create(&pool, title, "").await.unwrap();
        }
        for (search, found) in [
            ("%", vec!["100%"]),
            ("0%", vec!["100%"]),
            ("_", vec!["a_b"]),
            (r"\", vec![r"C:\temp"]),
            ("ärger", vec!["ÄRGER"]),
            ("Ä", vec!["ÄRGER"]),
            ("\0", vec![]),
            (&"%".repeat(60_000), vec![]),
        ] {
            assert_eq!(
                titles(&pool, search).await,
                found,
                "{search:.10} {}",
                engine.url
            );
        }
    }
}

#[tokio::test]
async fn a_number_is_never_given_twice() {
    for engine in engines().await {
        let pool = engine.pool(Options::default()).await;
        let first = notes::create(&pool, "first", "").await.unwrap();
        assert!(notes::delete(&pool, first.id).await.unwrap());
        assert!(!notes::delete(&pool, first.id).await.unwrap());
        let second = notes::create(&pool, "second", "").await.unwrap();
        assert!(second.id > first.id, "{}", engine.url);
    }
}

#[tokio::test]
async fn what_is_bound_is_never_run_and_what_is_glued_is() {
    for engine in engines().await {
        let pool = engine.pool(Options::default()).await;
        for title in ["milk", "bread"] {
            notes::create(&pool, title, "").await.unwrap();
        }
        let title = "milk'; DELETE FROM notes; --";
        let found = sqlx::query("SELECT title FROM notes WHERE title = $1")
            .bind(title)
            .fetch_all(&pool)
            .await
            .unwrap();
        assert!(found.is_empty());
        assert_eq!(titles(&pool, "").await, ["milk", "bread"]);

        let sql = format!("SELECT title FROM notes WHERE title = '{title}'");
        let glued = sqlx::query(AssertSqlSafe(sql)).fetch_all(&pool).await;
        if engine.is_postgres() {
            // A prepared statement is one statement. Gluing is no safer for that: the lesson
            // shows what one statement can do.
            let error = glued.err().unwrap().to_string();
            assert!(error.contains("multiple commands"), "{error}");
            assert_eq!(titles(&pool, "").await, ["milk", "bread"]);
        } else {
            assert_eq!(glued.unwrap().len(), 1);
            assert!(titles(&pool, "").await.is_empty(), "all deleted");
        }
    }
}

#[tokio::test]
async fn migrations_run_once_whoever_comes_first() {
    for engine in engines().await {
        let (one, two) = tokio::join!(
            database::open(&engine.url, Options::default()),
            database::open(&engine.url, Options::default())
        );
        // SQLite has no lock that a second program could wait for.
        let pool = if engine.is_postgres() {
            one.unwrap();
            two.unwrap()
        } else {
            one.or(two).unwrap()
        };
        let applied: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(applied, 2);
        // Whoever changes a file that was applied is told at the next start.
        database::open(&engine.url, Options::default())
            .await
            .unwrap();
        sqlx::query("UPDATE _sqlx_migrations SET checksum = $1 WHERE version = 2")
            .bind(&b"another"[..])
            .execute(&pool)
            .await
            .unwrap();
        let error = database::open(&engine.url, Options::default())
            .await
            .unwrap_err();
        assert!(matches!(error, OpenError::Migrate(..)), "{error}");
    }
}

/// With `fetch_one` in `notes::create`, this fails.
#[tokio::test]
async fn a_note_is_stored_when_create_says_so() {
    for engine in engines().await {
        let pool = engine.pool(Options::default()).await;
        let id = if engine.is_postgres() {
            "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
        } else {
            "INTEGER PRIMARY KEY AUTOINCREMENT"
        };
        // Each note has an owner whom there is not, and only the commit finds out.
        let tables = format!(
            "DROP TABLE notes;
             CREATE TABLE owners (id INTEGER PRIMARY KEY);
             CREATE TABLE notes (
                 id {id}, title TEXT, text TEXT, title_folded TEXT, text_folded TEXT,
                 owner INTEGER DEFAULT 7 REFERENCES owners (id) DEFERRABLE INITIALLY DEFERRED
             )"
        );
        sqlx::raw_sql(AssertSqlSafe(tables))
            .execute(&pool)
            .await
            .unwrap();
        let error = notes::create(&pool, "milk", "").await.unwrap_err();
        assert!(
            error
                .as_database_error()
                .unwrap()
                .is_foreign_key_violation(),
            "{error}"
        );
        assert!(titles(&pool, "").await.is_empty());
    }
}

#[tokio::test]
async fn a_row_without_a_column_is_an_error() {
    for engine in engines().await {
        let pool = engine.pool(Options::default()).await;
        notes::create(&pool, "milk", "").await.unwrap();
        let error = sqlx::query_as::<_, notes::Note>("SELECT id, title FROM notes")
            .fetch_one(&pool)
            .await
            .unwrap_err();
        assert!(matches!(error, sqlx::Error::ColumnNotFound(column) if column == "text"));
        let error = sqlx::query_scalar::<_, i64>("SELECT title FROM notes")
            .fetch_one(&pool)
            .await
            .unwrap_err();
        assert!(matches!(error, sqlx::Error::ColumnDecode { .. }), "{error}");
    }
}

/// Under Linux, the names of threads are cut off after 15 bytes.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn sqlite_has_a_thread_for_each_connection() {
    let before = workers();
    let folder = tempfile::tempdir().unwrap();
    let url = format!(
        "sqlite:{}?mode=rwc",
        folder.path().join("test.db").display()
    );
    let pool = database::open(&url, Options::default()).await.unwrap();
    let (_one, _two) = (pool.acquire().await.unwrap(), pool.acquire().await.unwrap());
    let after = workers();
    assert!(
        after.difference(&before).count() >= 2,
        "{before:?} {after:?}"
    );
}

#[cfg(target_os = "linux")]
fn workers() -> std::collections::BTreeSet<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks
        .filter(|task| {
            let name = std::fs::read_to_string(task.path().join("comm"));
            name.is_ok_and(|name| name.starts_with("sqlx-sqlite-wor"))
        })
        .map(|task| task.file_name().to_string_lossy().into_owned())
        .collect()
}

/// `Any` takes the first row for the answer. What comes after it, such as "the commit failed", it
/// does not read.
#[tokio::test]
async fn a_row_that_is_returned_is_not_yet_committed() {
    for engine in engines().await {
        let pool = engine.pool(Options::default()).await;
        // Checked when the transaction commits, not before.
        let unit = if engine.is_postgres() {
            "BIGINT"
        } else {
            "INTEGER"
        };
        let table = format!(
            "CREATE TABLE answers (
                 note {unit} REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED
             )"
        );
        sqlx::query(AssertSqlSafe(table))
            .execute(&pool)
            .await
            .unwrap();
        let insert = "INSERT INTO answers (note) VALUES (7) RETURNING note";

        let first: i64 = sqlx::query_scalar(insert).fetch_one(&pool).await.unwrap();
        assert_eq!(first, 7, "it says that it is stored");
        let stored: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM answers")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(stored, 0, "and it is not: {}", engine.url);

        for result in [
            sqlx::query(insert).fetch_all(&pool).await.map(|_| ()),
            sqlx::query(insert).execute(&pool).await.map(|_| ()),
            async {
                let mut transaction = pool.begin().await?;
                sqlx::query(insert).fetch_one(&mut *transaction).await?;
                transaction.commit().await
            }
            .await,
        ] {
            let error = result.unwrap_err();
            assert!(
                error
                    .as_database_error()
                    .unwrap()
                    .is_foreign_key_violation(),
                "{error}"
            );
        }
        // The drivers without `Any`: one reads on.
        if engine.is_postgres() {
            let pool = sqlx::PgPool::connect(&engine.url).await.unwrap();
            assert!(sqlx::query(insert).fetch_one(&pool).await.is_err());
        } else {
            let pool = sqlx::SqlitePool::connect(&engine.url).await.unwrap();
            assert!(sqlx::query(insert).fetch_one(&pool).await.is_ok());
            assert!(sqlx::query(insert).execute(&pool).await.is_err());
        }
    }
}
