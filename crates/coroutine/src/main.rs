//! A coroutine: calling an `async fn` runs nothing. Awaiting it does.
//!
//! You will see a call that prints nothing for a second, then the await that runs it: two seconds
//! of waiting, and a value.
//!
//! ```console
//! $ cargo run -p coroutine
//! ```
//!
//! In Python: `coro = fetch_data()` makes a coroutine object, `data = await coro` runs it.

use std::process::ExitCode;
use std::time::Duration;

use common::{Stage, Trace as _};
use tokio::time::{Instant, sleep};

/// Stands in for a request that takes two seconds.
async fn fetch_data() -> u32 {
    println!("Start fetching");
    sleep(Duration::from_secs(2)).await;
    println!("Done fetching");
    123
}

/// A future that awaits a future: the inner one lies inside the outer one, in the same memory.
async fn my_async_task() -> &'static str {
    fetch_data().await;
    "Async task completed!"
}

// One thread and one loop on it, as in `asyncio.run(main())`. `#[tokio::main]` starts the loop.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage = Stage::new("A coroutine: calling an async fn runs nothing. Awaiting it does.")
        .begin()
        .await;

    let future = fetch_data().traced("fetch_data()");
    println!("Called fetch_data().");
    sleep(Duration::from_secs(1)).await;
    println!("One second later: nothing of it has run.");

    let start = Instant::now();
    let data = future.await;
    println!("data: {data}, after {:.1} s", start.elapsed().as_secs_f64());

    println!("{}", my_async_task().traced("my_async_task()").await);

    // What the compiler made of the two functions: all that they must remember while they wait.
    println!("size of fetch_data(): {} bytes", size_of_val(&fetch_data()));
    println!(
        "size of my_async_task(): {} bytes",
        size_of_val(&my_async_task())
    );
    stage.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::timeline::{self, What};

    // The clock is paused: it jumps to the next timer whenever every task waits, so these tests
    // take no time and their durations are exact.
    #[tokio::test(start_paused = true)]
    async fn awaiting_takes_two_seconds_and_gives_the_value() {
        let start = Instant::now();
        assert_eq!(fetch_data().await, 123);
        assert_eq!(start.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_future_that_is_not_awaited_is_never_polled() {
        let ((), recording) = timeline::record(async {
            let future = fetch_data().traced("fetch_data()");
            sleep(Duration::from_mins(1)).await;
            drop(future);
        })
        .await;
        let what: Vec<&What> = recording.events.iter().map(|event| &event.what).collect();
        let expected = [
            &What::Created { task: 0, by: None },
            &What::Dropped { task: 0, by: None },
        ];
        assert_eq!(what, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn an_await_that_waits_once_is_polled_twice() {
        let (_, recording) =
            timeline::record(async { fetch_data().traced("fetch_data()").await }).await;
        let polls = recording
            .events
            .iter()
            .filter(|event| matches!(event.what, What::Poll { .. }));
        assert_eq!(polls.count(), 2);
    }

    #[test]
    fn a_future_holds_the_futures_that_it_awaits() {
        assert!(size_of_val(&my_async_task()) > size_of_val(&fetch_data()));
    }
}
