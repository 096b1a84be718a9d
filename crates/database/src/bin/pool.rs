//! A pool, seen from those who wait: a semaphore, and a list of idle connections.
//!
//! You will see why six handlers need three times as long as one of their queries, and why they
//! need as long again when each keeps its connection while it does something else. There is no
//! database here, so that the clock can be paused and the picture is the same on every machine.
//!
//! ```console
//! $ cargo run -p database --bin pool -- --instant --timeline
//! ```
//!
//! In Python: `asyncpg.create_pool(max_size=2)`, and what stands inside `async with pool.acquire()`.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use common::{Stage, Trace as _};
use futures::future::join_all;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

const QUERY: Duration = Duration::from_millis(200);
const OTHER: Duration = Duration::from_millis(200);

/// Stands in for what costs a pool its trouble: a socket, a login, a process on the server.
#[derive(Debug, Default)]
struct Connection {
    queries: u32,
}

impl Connection {
    async fn query(&mut self) {
        sleep(QUERY).await;
        self.queries += 1;
    }
}

#[derive(Clone, Debug)]
struct Pool {
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
}

/// A connection on loan. Dropped, it goes back: first the connection, then the permit, or whoever
/// waits for the permit would find no connection.
#[derive(Debug)]
struct Loan {
    pool: Pool,
    connection: Option<Connection>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    fn new(connections: usize) -> Self {
        Self {
            idle: Arc::default(),
            free: Arc::new(Semaphore::new(connections)),
        }
    }

    /// Waits for a connection, in the order of asking. Dropped while it waits, it has taken none.
    async fn acquire(&self) -> Option<Loan> {
        let permit = Arc::clone(&self.free).acquire_owned().await.ok()?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // A connection is made when nobody has one to spare: a pool begins empty.
        let connection = idle.pop().unwrap_or_default();
        drop(idle);
        Some(Loan {
            pool: self.clone(),
            connection: Some(connection),
            _permit: permit,
        })
    }
}

impl Loan {
    async fn query(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.query().await;
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let mut idle = self
            .pool
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.connection.take());
    }
}

/// A query, and then something that needs no database: a template, another service.
async fn returns_it(pool: Pool) {
    if let Some(mut connection) = pool.acquire().await {
        connection.query().await;
    }
    sleep(OTHER).await;
}

/// The same, with the connection in its hand until the end.
async fn keeps_it(pool: Pool) {
    let connection = pool.acquire().await;
    if let Some(mut connection) = connection {
        connection.query().await;
        sleep(OTHER).await;
    }
}

// One thread, like asyncio's event loop, and a clock that can be paused.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage = Stage::new("Six handlers share a pool of connections.")
        .package("database")
        .option("--connections", "N", "in the pool (default 2)")
        .begin()
        .await;
    let connections = stage.value("--connections").unwrap_or(2);
    if !(1..=1000).contains(&connections) {
        stage.usage_error("--connections takes a number from 1 to 1000");
    }

    stage.scene("each returns its connection");
    let pool = Pool::new(connections);
    let start = Instant::now();
    let handlers =
        (1..=6).map(|n| tokio::spawn(returns_it(pool.clone()).traced(format!("handler({n})"))));
    join_all(handlers).await;
    println!("returned at once: {:.1} s", start.elapsed().as_secs_f64());

    stage.scene("each keeps its connection");
    let pool = Pool::new(connections);
    let start = Instant::now();
    let handlers =
        (1..=6).map(|n| tokio::spawn(keeps_it(pool.clone()).traced(format!("handler({n})"))));
    join_all(handlers).await;
    println!("kept to the end:  {:.1} s", start.elapsed().as_secs_f64());
    stage.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    async fn time<F: Future + Send + 'static>(
        connections: usize,
        handler: fn(Pool) -> F,
    ) -> Duration
    where
        F::Output: Send,
    {
        let pool = Pool::new(connections);
        let start = Instant::now();
        join_all((0..6).map(|_| tokio::spawn(handler(pool.clone())))).await;
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn keeping_a_connection_makes_the_others_wait() {
        assert_eq!(time(2, returns_it).await, 3 * QUERY + OTHER);
        assert_eq!(time(2, keeps_it).await, 3 * (QUERY + OTHER));
        assert_eq!(time(6, keeps_it).await, QUERY + OTHER);
    }

    #[tokio::test(start_paused = true)]
    async fn connections_are_used_again_and_never_more_than_allowed() {
        let pool = Pool::new(2);
        join_all((0..6).map(|_| tokio::spawn(returns_it(pool.clone())))).await;
        let idle = pool.idle.lock().unwrap();
        assert_eq!(idle.iter().map(|c| c.queries).collect::<Vec<_>>(), [3, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiter_that_gives_up_takes_nothing_with_it() {
        let pool = Pool::new(1);
        let kept = pool.acquire().await;
        assert!(timeout(QUERY, pool.acquire()).await.is_err());
        drop(kept);
        assert!(timeout(QUERY, pool.acquire()).await.is_ok());
    }
}
