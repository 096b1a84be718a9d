//! Work is not waiting: overlapped, it takes as long as before. Threads make it shorter.

use std::thread;
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::task::yield_now;

/// A piece of work is the search for the primes below this.
const LIMIT: u32 = 100_000;

fn is_prime(number: u32) -> bool {
    let mut divisors = (2..number).take_while(|d| d * d <= number);
    number > 1 && divisors.all(|d| !number.is_multiple_of(d))
}

fn work() -> usize {
    (0..LIMIT).filter(|number| is_prime(*number)).count()
}

/// The same piece, which lets others have the thread after each thousand numbers.
async fn work_in_turns() -> usize {
    let mut primes = 0;
    for number in 0..LIMIT {
        primes += usize::from(is_prime(number));
        if number % 1_000 == 0 {
            yield_now().await;
        }
    }
    primes
}

fn on_two_threads() -> usize {
    thread::scope(|scope| {
        let other = scope.spawn(work);
        // `join` fails if the other thread panicked, and then there is nothing to add.
        work() + other.join().unwrap_or_default()
    })
}

/// Does two pieces of work in three ways.
pub(crate) async fn compare() {
    let start = Instant::now();
    let primes = work() + work();
    let alone = start.elapsed();
    println!("two pieces of work, {primes} primes");
    println!("one after the other: {:.2} s", alone.as_secs_f64());

    let start = Instant::now();
    join_all([work_in_turns(), work_in_turns()]).await;
    report("overlapped", start.elapsed(), alone);

    let start = Instant::now();
    on_two_threads();
    report("on two threads", start.elapsed(), alone);
}

fn report(how: &str, took: Duration, alone: Duration) {
    let (took, alone) = (took.as_secs_f64(), alone.as_secs_f64());
    println!("{how}: {took:.2} s, {:.1} times as fast", alone / took);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_three_ways_find_the_same_primes() {
        let primes = work();
        assert_eq!(primes, 9_592);
        assert_eq!(work_in_turns().await, primes);
        assert_eq!(on_two_threads(), 2 * primes);
    }
}
