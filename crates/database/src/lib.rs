//! Notes in a database: SQLite, which needs no installation, or PostgreSQL.
//!
//! [`open`] connects, brings the tables up to date, and makes the pool. [`notes`] are the queries,
//! and [`service`] is a web service over them.
//!
//! In Python: asyncpg with aiohttp.

use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AnyConnection, AnyPool, Connection as _};
use tokio::time::timeout;

pub mod notes;
pub mod service;

/// The tables, as numbered steps. The macro puts the files into the program.
static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// How many connections, and how long to wait for one.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The most connections at one time. Each is a process of PostgreSQL, or a thread of ours.
    pub connections: u32,
    /// How long a query may wait for a connection. sqlx's own default is 30 seconds.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 10,
            patience: Duration::from_secs(3),
        }
    }
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is none, or names an engine that this program does not have.
    #[error(
        "cannot read the URL {0:?}: {1}; give one such as sqlite:notes.db?mode=rwc or postgres://user:password@127.0.0.1/notes"
    )]
    Url(String, sqlx::Error),
    /// Nobody answers, or the answer is no.
    #[error("cannot connect to {0}: {1}; start the database, or name another with --url")]
    Connect(String, sqlx::Error),
    /// The file of SQLite cannot be opened.
    #[error(
        "cannot open {0}: {1}; ?mode=rwc after its name makes a file that is not there, and --url names another"
    )]
    File(String, sqlx::Error),
    /// Nobody answered in time.
    #[error("cannot connect to {0}: no answer within {1:?}; name another with --url")]
    Silent(String, Duration),
    /// The tables are not what this program knows.
    #[error("cannot bring the tables of {0} up to date: {1}")]
    Migrate(String, MigrateError),
}

/// Connects to the database at `url`, brings its tables up to date, and returns a pool.
///
/// `Any` chooses the driver by the URL while the program runs. Its price: only types that all
/// engines have, and no LISTEN.
///
/// # Errors
///
/// When the database is not there, refuses, or has other tables than this program knows.
///
/// # Panics
///
/// If `options.connections` is 0.
pub async fn open(url: &str, options: Options) -> Result<AnyPool, OpenError> {
    sqlx::any::install_default_drivers();
    let connect: AnyConnectOptions = url
        .parse()
        .map_err(|error| OpenError::Url(without_password(url), error))?;
    let shown = without_password(url);

    // Not through the pool: that would repeat a refused connection until its patience ends, and
    // then say that it timed out, not that nobody listens there.
    let connecting = AnyConnection::connect_with(&connect);
    let mut connection = match timeout(options.patience, connecting).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error @ sqlx::Error::Configuration(_))) => return Err(OpenError::Url(shown, error)),
        Ok(Err(error)) if url.starts_with("sqlite:") => return Err(OpenError::File(shown, error)),
        Ok(Err(error)) => return Err(OpenError::Connect(shown, error)),
        Err(_) => return Err(OpenError::Silent(shown, options.patience)),
    };
    let migrator = if connection.backend_name() == "SQLite" {
        // Kept in the file: readers do not wait for the writer, nor it for them.
        let wal = sqlx::query("PRAGMA journal_mode = WAL");
        if let Err(error) = wal.execute(&mut connection).await {
            return Err(OpenError::File(shown, error));
        }
        &SQLITE
    } else {
        &POSTGRES
    };
    migrator
        .run(&mut connection)
        .await
        .map_err(|error| OpenError::Migrate(shown, error))?;
    let _ = connection.close().await; // it has done its work; the pool opens its own

    Ok(AnyPoolOptions::new()
        .max_connections(options.connections)
        .acquire_timeout(options.patience)
        .connect_lazy_with(connect))
}

/// The URL as it may be printed and logged.
#[must_use]
pub fn without_password(url: &str) -> String {
    // By hand and not by a parser: what cannot be parsed must not be printed whole either.
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else {
        return url.to_owned();
    };
    let (user, host) = (&rest[..at], &rest[at..]);
    match user.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:***{host}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            (
                "postgres://ada:secret@db/notes",
                "postgres://ada:***@db/notes",
            ),
            (
                "postgres://ada:se@cret@db:1/notes",
                "postgres://ada:***@db:1/notes",
            ),
            ("postgres://ada@db/notes", "postgres://ada@db/notes"),
            ("postgres://db/a:b@c", "postgres://db/a:b@c"),
            ("sqlite:notes.db", "sqlite:notes.db"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
