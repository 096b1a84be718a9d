//! The same tests on both engines. Without PostgreSQL, they say so and run on SQLite.

#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod cancelled;
mod lesson;
mod postgres;
mod queries;
mod restart;
mod service;

use database::Options;
use sqlx::AnyPool;
use tempfile::TempDir;

/// An empty database.
pub(crate) struct Engine {
    pub(crate) url: String,
    _folder: Option<TempDir>,
}

impl Engine {
    pub(crate) fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres:")
    }

    pub(crate) async fn pool(&self, options: Options) -> AnyPool {
        database::open(&self.url, options).await.unwrap()
    }
}

/// Those that this machine has, each with a new database.
pub(crate) async fn engines() -> Vec<Engine> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.db");
    let mut engines = vec![Engine {
        url: format!("sqlite:{}?mode=rwc", file.display()),
        _folder: Some(folder),
    }];
    engines.extend(
        postgres::database()
            .await
            .map(|url| Engine { url, _folder: None }),
    );
    engines
}
