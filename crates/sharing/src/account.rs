//! A lock: three deposits into one account at the same time.

use std::future::Future; // in the prelude since edition 2024, but the chapter goes back
use std::sync::Arc;

use common::{Stage, Trace as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::{SECOND, lock, seconds_since};

/// Asks the bank how much is paid in.
async fn ask_the_bank() -> u32 {
    sleep(SECOND).await;
    10
}

/// The mistake. Each of the two locks is held as long as it should be, and between them the
/// account is free: whoever reads it then reads a balance that is about to be overwritten.
async fn deposit_in_two_steps(account: Arc<std::sync::Mutex<u32>>) {
    let before = *lock(&account);
    let amount = ask_the_bank().await;
    *lock(&account) = before + amount;
}

/// One after the other: the lock is held from the reading to the writing, across the await. A lock
/// that waits without blocking the thread is tokio's.
async fn deposit_in_turn(account: Arc<tokio::sync::Mutex<u32>>) {
    let mut balance = account.lock().await;
    let before = *balance;
    let amount = ask_the_bank().await;
    *balance = before + amount;
}

/// Every await first, then reading and writing in one go. The lock is held for one line.
async fn deposit_at_once(account: Arc<std::sync::Mutex<u32>>) {
    let amount = ask_the_bank().await;
    *lock(&account) += amount;
}

/// Makes three deposits at the same time. How long that takes, in seconds.
async fn three<F>(deposit: impl Fn() -> F) -> anyhow::Result<f64>
where
    F: Future<Output = ()> + Send + 'static,
{
    let start = Instant::now();
    let mut deposits = JoinSet::new();
    for number in 1..=3 {
        deposits.spawn(deposit().traced(format_args!("deposit({number})")));
    }
    while let Some(deposit) = deposits.join_next().await {
        deposit?;
    }
    Ok(seconds_since(start))
}

/// The same three deposits, with the account locked in three ways.
pub(crate) async fn account(stage: &Stage) -> anyhow::Result<()> {
    stage.scene("in two steps");
    let account = Arc::new(std::sync::Mutex::new(100));
    let seconds = three(|| deposit_in_two_steps(Arc::clone(&account))).await?;
    println!("in two steps: {} after {seconds:.1} s", lock(&account));

    stage.scene("in turn");
    let account = Arc::new(tokio::sync::Mutex::new(100));
    let seconds = three(|| deposit_in_turn(Arc::clone(&account))).await?;
    println!("in turn: {} after {seconds:.1} s", account.lock().await);

    stage.scene("at once");
    let account = Arc::new(std::sync::Mutex::new(100));
    let seconds = three(|| deposit_at_once(Arc::clone(&account))).await?;
    println!("at once: {} after {seconds:.1} s", lock(&account));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use tokio::task::{LocalSet, yield_now};

    #[tokio::test(start_paused = true)]
    async fn an_update_across_an_await_is_lost() {
        let account = Arc::new(std::sync::Mutex::new(100));
        let seconds = three(|| deposit_in_two_steps(Arc::clone(&account))).await;
        assert_eq!(*lock(&account), 110);
        assert!((seconds.unwrap() - 1.0).abs() < 1e-9);
    }

    #[tokio::test(start_paused = true)]
    async fn an_atomic_loses_it_too() {
        let account = AtomicU32::new(100);
        let deposit = async || {
            let before = account.load(Ordering::Relaxed);
            account.store(before + ask_the_bank().await, Ordering::Relaxed);
        };
        tokio::join!(deposit(), deposit(), deposit());
        assert_eq!(account.into_inner(), 110);
    }

    #[tokio::test(start_paused = true)]
    async fn a_tokio_mutex_is_held_across_an_await() {
        let account = Arc::new(tokio::sync::Mutex::new(100));
        let start = Instant::now();
        three(|| deposit_in_turn(Arc::clone(&account)))
            .await
            .unwrap();
        assert_eq!(*account.lock().await, 130);
        assert_eq!(start.elapsed(), 3 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_std_mutex_is_held_between_two_awaits() {
        let account = Arc::new(std::sync::Mutex::new(100));
        let start = Instant::now();
        three(|| deposit_at_once(Arc::clone(&account)))
            .await
            .unwrap();
        assert_eq!(*lock(&account), 130);
        assert_eq!(start.elapsed(), SECOND);
    }

    // On four threads: no pause between reading and writing is needed to lose an update there, and
    // a sum that is made in one step loses none.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn an_atomic_counts_without_a_lock() {
        let counter = Arc::new(AtomicU32::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..100 {
            let counter = Arc::clone(&counter);
            tasks.spawn(async move {
                for _ in 0..100 {
                    counter.fetch_add(1, Ordering::Relaxed);
                    yield_now().await;
                }
            });
        }
        tasks.join_all().await;
        assert_eq!(counter.load(Ordering::Relaxed), 10_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_tokio_mutex_serves_in_the_order_of_asking() {
        let served = Arc::new(tokio::sync::Mutex::new(Vec::new()));
        let first = served.lock().await;
        let mut tasks = JoinSet::new();
        for number in 1..=5 {
            let served = Arc::clone(&served);
            tasks.spawn(async move { served.lock().await.push(number) });
            yield_now().await; // it is in the queue
        }
        drop(first);
        // Who has let go and asks again is behind those who wait.
        served.lock().await.push(6);
        assert_eq!(*served.lock().await, [1, 2, 3, 4, 5, 6]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_poisons_a_std_mutex_and_not_a_tokio_mutex() {
        let half_done = Arc::new(tokio::sync::Mutex::new((100, 100)));
        let shared = Arc::clone(&half_done);
        let task = tokio::spawn(async move {
            let mut accounts = shared.lock().await;
            accounts.0 -= 50;
            panic!("between two steps");
        });
        assert!(task.await.unwrap_err().is_panic());
        // The next one gets the lock, and what was left behind.
        assert_eq!(*half_done.lock().await, (50, 100));

        let half_done = Arc::new(std::sync::Mutex::new((100, 100)));
        let shared = Arc::clone(&half_done);
        let task = tokio::spawn(async move {
            let mut accounts = shared.lock().unwrap();
            accounts.0 -= 50;
            panic!("between two steps");
        });
        assert!(task.await.unwrap_err().is_panic());
        // The next one is told.
        assert!(half_done.lock().is_err());
        assert_eq!(*lock(&half_done), (50, 100));
    }

    #[tokio::test(start_paused = true)]
    async fn futures_of_one_task_need_no_arc() {
        let account = tokio::sync::Mutex::new(100);
        let deposit = async || *account.lock().await += ask_the_bank().await;
        tokio::join!(deposit(), deposit(), deposit());
        assert_eq!(account.into_inner(), 130);
    }

    #[test]
    fn an_arc_is_a_pointer_and_a_count() {
        let account = Arc::new(100_u32);
        assert_eq!(size_of_val(&account), size_of::<usize>());
        let other = Arc::clone(&account);
        assert_eq!(Arc::strong_count(&account), 2);
        assert!(Arc::ptr_eq(&account, &other), "one value, no copy");
        drop(account);
        assert_eq!(Arc::into_inner(other), Some(100), "the last one has it");
    }

    // `*lock += f().await` reads on the left when the right is there, and so loses nothing. Python
    // reads first.
    #[tokio::test(start_paused = true)]
    async fn the_right_side_of_an_assignment_comes_first() {
        let account = Arc::new(std::sync::Mutex::new(100));
        let deposit = async || *lock(&account) += ask_the_bank().await;
        tokio::join!(deposit(), deposit(), deposit());
        assert_eq!(*lock(&account), 130);
    }

    #[tokio::test]
    #[expect(clippy::await_holding_refcell_ref, reason = "the mistake")]
    async fn a_refcell_that_is_borrowed_across_an_await_panics() {
        let account = Rc::new(RefCell::new(100));
        let deposit = async |account: Rc<RefCell<u32>>| {
            let mut balance = account.borrow_mut();
            yield_now().await;
            *balance += 10;
        };
        let tasks = LocalSet::new();
        let first = tasks.spawn_local(deposit(Rc::clone(&account)));
        let second = tasks.spawn_local(deposit(Rc::clone(&account)));
        tasks.await;
        assert!(first.await.is_ok());
        let panic = second.await.unwrap_err().into_panic();
        let message = panic.downcast_ref::<String>().unwrap();
        assert_eq!(message, "RefCell already borrowed");
        assert_eq!(*account.borrow(), 110);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refcell_that_is_borrowed_twice_loses_it_too() {
        let account = RefCell::new(100);
        let in_two_steps = async || {
            let before = *account.borrow();
            let amount = ask_the_bank().await;
            *account.borrow_mut() = before + amount;
        };
        tokio::join!(in_two_steps(), in_two_steps());
        assert_eq!(*account.borrow(), 110);
        let at_once = async || {
            let amount = ask_the_bank().await;
            *account.borrow_mut() += amount;
        };
        tokio::join!(at_once(), at_once());
        assert_eq!(*account.borrow(), 130);
    }

    // `lock` in place of `try_lock` would block the one thread that can release the lock.
    #[tokio::test]
    #[expect(clippy::await_holding_lock, reason = "the mistake")]
    async fn a_std_mutex_across_an_await_would_block_the_thread() {
        let account = std::sync::Mutex::new(100);
        let deposit = async || {
            let mut balance = lock(&account);
            yield_now().await;
            *balance += 10;
        };
        let look = async || account.try_lock().is_ok();
        let ((), free) = tokio::join!(deposit(), look());
        assert!(!free);
    }
}
