//! A value that is made when it is first needed, once.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use common::Trace as _;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep, timeout};

use crate::{SECOND, seconds_since};

/// How often the settings were read.
static READ: AtomicU32 = AtomicU32::new(0);

/// Made by the first who looks. Whoever looks at the same time waits, and blocks its thread: for
/// what is there in a moment.
static SETTINGS: LazyLock<u32> = LazyLock::new(|| {
    READ.fetch_add(1, Ordering::Relaxed);
    42
});

/// A connection that takes a second to make.
#[derive(Default)]
struct Server {
    connection: OnceCell<u32>,
    begun: AtomicU32,
}

impl Server {
    async fn connect(&self) -> u32 {
        let attempt = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        sleep(SECOND).await;
        attempt
    }

    /// Made by the first who asks. The others wait, and their thread is free.
    async fn connection(&self) -> u32 {
        *self.connection.get_or_init(|| self.connect()).await
    }
}

/// A value of the whole program, and one that must be awaited.
pub(crate) async fn once() -> anyhow::Result<()> {
    let sum = *SETTINGS + *SETTINGS;
    println!(
        "settings: {sum}, read {} time",
        READ.load(Ordering::Relaxed)
    );

    let start = Instant::now();
    let server = Server::default();
    let ask = async |name: &str| {
        let attempt = server.connection().traced(name).await;
        let seconds = seconds_since(start);
        println!("{name}: connection {attempt} after {seconds:.1} s");
    };
    // The first is cancelled in the middle of it. The second begins anew, the third waits for that.
    let first = async {
        if timeout(SECOND / 2, ask("first")).await.is_err() {
            println!("first: gave up");
        }
    };
    tokio::join!(first, ask("second"), ask("third"));
    println!("begun: {}", server.begun.load(Ordering::Relaxed));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::OnceLock;

    #[tokio::test(start_paused = true)]
    async fn a_once_cell_is_made_once() {
        let start = Instant::now();
        let server = Server::default();
        let three = tokio::join!(
            server.connection(),
            server.connection(),
            server.connection()
        );
        assert_eq!(three, (1, 1, 1));
        assert_eq!(start.elapsed(), SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_once_cell_is_begun_anew_when_its_maker_is_cancelled() {
        let start = Instant::now();
        let server = Server::default();
        let first = timeout(SECOND / 2, server.connection());
        let (first, second, third) = tokio::join!(first, server.connection(), server.connection());
        assert!(first.is_err());
        assert_eq!((second, third), (2, 2));
        assert_eq!(start.elapsed(), SECOND * 3 / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_once_cell_keeps_no_error() {
        let cell = OnceCell::new();
        assert!(
            cell.get_or_try_init(async || Err::<u32, _>("no"))
                .await
                .is_err()
        );
        assert_eq!(
            cell.get_or_try_init(async || Ok::<_, &str>(1)).await,
            Ok(&1)
        );
    }

    #[test]
    fn a_lazy_lock_is_made_once_among_threads() {
        static MADE: AtomicU32 = AtomicU32::new(0);
        static VALUE: LazyLock<u32> = LazyLock::new(|| {
            std::thread::yield_now(); // the others come meanwhile
            MADE.fetch_add(1, Ordering::Relaxed) + 1
        });
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(*VALUE, 1));
            }
        });
        assert_eq!(MADE.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_once_lock_is_set_once() {
        let cell = OnceLock::new();
        assert_eq!(cell.set(1), Ok(()));
        assert_eq!(cell.set(2), Err(2));
        assert_eq!(cell.get(), Some(&1));
    }
}
