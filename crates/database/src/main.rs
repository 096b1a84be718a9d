//! Async access to a database: queries, a pool, transactions, and a web service over them.
//!
//! You will see the same program on SQLite, which needs no installation, and on PostgreSQL.
//!
//! ```console
//! $ cargo run -p database
//! $ cargo run -p database -- --url postgres://user:password@127.0.0.1/notes
//! $ cargo run -p database -- serve --port 8080
//! $ cargo run -p database -- memory
//! $ cargo run -p database -- writers
//! ```
//!
//! In Python: asyncpg, its pool, `async with connection.transaction()`, and aiohttp.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use common::Stage;
use database::service::Limits;
use database::{OpenError, Options};
use tempfile::TempDir;

mod lesson;
mod memory;
mod serve;
mod writers;

#[tokio::main]
async fn main() -> ExitCode {
    let stage = Stage::new("Async access to SQLite or PostgreSQL, and a web service over it.")
        .arguments(
            "WHAT",
            "serve: notes over HTTP; memory: a large result; writers: is SQLite async? (default: the lesson)",
        )
        .option(
            "--url",
            "URL",
            "the database (default: $DATABASE_URL, else SQLite in a temporary file)",
        )
        .option(
            "--port",
            "PORT",
            "serve: listen on PORT; 0 takes a free one (default 8080)",
        )
        .option(
            "--connections",
            "N",
            "serve: use N connections at most (default 10)",
        )
        .option(
            "--patience",
            "SECONDS",
            "how long a query may wait for a connection (default 3)",
        )
        .option(
            "--time-limit",
            "SECONDS",
            "serve: how long a request may take (default 10)",
        )
        .option(
            "--grace",
            "SECONDS",
            "serve: how long requests may still take after Ctrl-C (default 10)",
        )
        .option("--rows", "N", "memory: how many (default 100000)")
        .real_io()
        .begin()
        .await;
    let what = match stage.positional() {
        [] => "lesson",
        [what] if ["serve", "memory", "writers"].contains(&what.as_str()) => what,
        _ => stage.usage_error("it takes serve, memory, writers, or nothing; see --help"),
    };
    let mut options = Options::default();
    options.connections = stage.value("--connections").unwrap_or(options.connections);
    if !(1..=1000).contains(&options.connections) {
        stage.usage_error("--connections takes a number from 1 to 1000");
    }
    options.patience = stage.seconds("--patience").unwrap_or(options.patience);
    // sqlx adds it to the time of day, and that sum has an end.
    if options.patience.is_zero() || options.patience > Duration::from_hours(24) {
        stage.usage_error("--patience takes more than 0 and at most 86400 seconds");
    }
    let mut limits = Limits::default();
    limits.handler = stage.seconds("--time-limit").unwrap_or(limits.handler);
    limits.grace = stage.seconds("--grace").unwrap_or(limits.grace);
    let port = stage.value("--port").unwrap_or(8080);
    let rows = stage.value("--rows").unwrap_or(100_000);
    if !(1..=10_000_000).contains(&rows) {
        stage.usage_error("--rows takes a number from 1 to 10000000");
    }

    if what == "writers" {
        return end(stage, writers::run().await);
    }
    let place = match Place::new(stage.value("--url")) {
        Ok(place) => place,
        Err(error) => {
            eprintln!("database: cannot make a temporary folder: {error}; give a file with --url");
            return ExitCode::FAILURE;
        }
    };
    let pool = match database::open(&place.url, options).await {
        Ok(pool) => pool,
        Err(error @ OpenError::Url(..)) => stage.usage_error(error),
        Err(error) => {
            eprintln!("database: {error}");
            return ExitCode::FAILURE;
        }
    };
    let shown = match what {
        "serve" => return serve::run(place, pool, port, limits).await,
        "memory" => memory::run(&pool, rows).await.map_err(Into::into),
        _ => lesson::run(&stage, &place.url, &pool).await,
    };
    end(stage, shown)
}

fn end(stage: Stage, shown: Result<(), Box<dyn Error>>) -> ExitCode {
    match shown {
        Ok(()) => stage.finish(),
        Err(error) => {
            eprintln!("database: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Where the database is, and the folder that it is in if it is ours.
#[derive(Debug)]
struct Place {
    url: String,
    folder: Option<TempDir>,
}

impl Place {
    fn new(given: Option<String>) -> std::io::Result<Self> {
        let given = given.or_else(|| std::env::var("DATABASE_URL").ok());
        if let Some(url) = given.filter(|url| !url.is_empty()) {
            return Ok(Self { url, folder: None });
        }
        // Not `sqlite::memory:`. Each connection of the pool would have a database of its own.
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("notes.db");
        Ok(Self {
            url: format!("sqlite:{}?mode=rwc", file.display()),
            folder: Some(folder),
        })
    }
}
