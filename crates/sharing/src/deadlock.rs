//! Two who wait for each other for ever, and four ways out.

use std::future::Future; // in the prelude since edition 2024, but the chapter goes back
use std::sync::Arc;
use std::time::Duration;

use common::{Stage, Trace as _};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::{LONG, SECOND, seconds_since};

/// An account with a name. Whoever moves money locks both accounts, so that nobody ever sees a sum
/// that is wrong.
struct Account {
    name: char,
    balance: Mutex<u32>,
}

impl Account {
    fn new(name: char) -> Arc<Self> {
        let balance = Mutex::new(100);
        Arc::new(Self { name, balance })
    }
}

/// What takes time and belongs under the lock.
async fn check() {
    sleep(SECOND / 2).await;
}

/// The mistake: locks the account that pays and then the one that is paid. Who pays in one transfer
/// is paid in another.
async fn transfer(from: Arc<Account>, to: Arc<Account>) -> anyhow::Result<()> {
    let mut giver = from.balance.lock().await;
    println!("{} to {}: has {}", from.name, to.name, from.name);
    check().await;
    println!("{} to {}: wants {}", from.name, to.name, to.name);
    let lock = to.balance.lock();
    let lock = lock.traced(format_args!("lock({})", to.name));
    let mut taker = lock.await;
    *giver -= 10;
    *taker += 10;
    Ok(())
}

/// The first cure: everybody locks in the same order, here by name.
async fn transfer_in_order(from: Arc<Account>, to: Arc<Account>) -> anyhow::Result<()> {
    let (first, second) = if from.name < to.name {
        (&from, &to)
    } else {
        (&to, &from)
    };
    let first = first.balance.lock().await;
    check().await;
    let second = second.balance.lock().await;
    let (mut giver, mut taker) = if from.name < to.name {
        (first, second)
    } else {
        (second, first)
    };
    *giver -= 10;
    *taker += 10;
    Ok(())
}

/// The second cure: one lock for all that changes together.
async fn transfer_under_one_lock(
    balances: Arc<Mutex<[u32; 2]>>,
    from: usize,
    to: usize,
) -> anyhow::Result<()> {
    let mut balances = balances.lock().await;
    check().await;
    balances[from] -= 10;
    balances[to] += 10;
    Ok(())
}

/// The third, where the first two are out of reach: no lock is awaited for ever. Who gives up lets
/// go of what it has, and says which lock it was.
async fn transfer_with_patience(
    from: Arc<Account>,
    to: Arc<Account>,
    patience: Duration,
) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut giver = from.balance.lock().await;
    check().await;
    let lock = timeout(patience, to.balance.lock()).await;
    let seconds = seconds_since(start);
    let (from, to) = (from.name, to.name);
    if let Ok(mut taker) = lock {
        *giver -= 10;
        *taker += 10;
        println!("{from} to {to}: done after {seconds:.1} s");
    } else {
        println!("{from} to {to}: no lock on {to}, gave up after {seconds:.1} s");
    }
    Ok(())
}

/// Two transfers as two tasks. Says how long they take, or that they do not end.
async fn both(
    name: &str,
    there: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    back: impl Future<Output = anyhow::Result<()>> + Send + 'static,
) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    tasks.spawn(there.traced("transfer(a, b)"));
    tasks.spawn(back.traced("transfer(b, a)"));
    let all = async {
        while let Some(task) = tasks.join_next().await {
            task??;
        }
        anyhow::Ok(())
    };
    let ended = timeout(LONG, all).await;
    let seconds = seconds_since(start);
    if let Ok(ended) = ended {
        ended?;
        println!("{name}: done after {seconds:.1} s");
    } else {
        tasks.shutdown().await; // and with the tasks what they hold
        println!("{name}: stuck, given up after {seconds:.1} s");
    }
    Ok(())
}

/// A lock is not re-entrant: who has it and asks for it waits for himself.
async fn twice() {
    let start = Instant::now();
    let account = Account::new('a');
    let _held = account.balance.lock().await;
    let again = account.balance.lock().traced("lock(a)");
    let stuck = timeout(LONG, again).await.is_err();
    let seconds = seconds_since(start);
    if stuck {
        println!("one lock twice: stuck, given up after {seconds:.1} s");
    }
}

/// Deadlocks, and how to do without.
pub(crate) async fn deadlock(stage: &Stage) -> anyhow::Result<()> {
    stage.scene("opposite order");
    let (a, b) = (Account::new('a'), Account::new('b'));
    let there = transfer(Arc::clone(&a), Arc::clone(&b));
    both("opposite order", there, transfer(b, a)).await?;

    stage.scene("same order");
    let (a, b) = (Account::new('a'), Account::new('b'));
    let there = transfer_in_order(Arc::clone(&a), Arc::clone(&b));
    both("same order", there, transfer_in_order(b, a)).await?;

    stage.scene("one lock");
    let balances = Arc::new(Mutex::new([100, 100]));
    let there = transfer_under_one_lock(Arc::clone(&balances), 0, 1);
    both("one lock", there, transfer_under_one_lock(balances, 1, 0)).await?;

    stage.scene("patience");
    let (a, b) = (Account::new('a'), Account::new('b'));
    // Not the same for both: else both give up at the same moment.
    let there = transfer_with_patience(Arc::clone(&a), Arc::clone(&b), SECOND / 2);
    let back = transfer_with_patience(b, a, SECOND * 3 / 2);
    both("patience", there, back).await?;

    stage.scene("one lock twice");
    twice().await;
    Ok(())
}

/// What the actor is asked to do, and where its answer goes.
struct Transfer {
    from: usize,
    to: usize,
    answer: oneshot::Sender<[u32; 2]>,
}

/// The fourth: a task that owns the balances. Nobody else can touch them, so there is nothing to
/// lock; it does one thing after the other.
async fn bank(mut requests: mpsc::Receiver<Transfer>) {
    let mut balances = [100, 100];
    while let Some(Transfer { from, to, answer }) = requests.recv().await {
        check().await;
        balances[from] -= 10;
        balances[to] += 10;
        // Whoever asked may have gone away. The transfer is made all the same.
        let _ = answer.send(balances);
    }
}

/// Asks the bank, and waits for its answer.
async fn transfer_by_message(
    bank: mpsc::Sender<Transfer>,
    from: usize,
    to: usize,
) -> anyhow::Result<()> {
    let (answer, answered) = oneshot::channel();
    bank.send(Transfer { from, to, answer }).await?;
    answered.await?; // fails when the bank has ended without an answer
    Ok(())
}

/// The same two transfers, asked of an actor.
pub(crate) async fn with_an_actor() -> anyhow::Result<()> {
    let (requests, inbox) = mpsc::channel(8);
    let actor = tokio::spawn(bank(inbox).traced("bank()"));
    let there = transfer_by_message(requests.clone(), 0, 1);
    both("actor", there, transfer_by_message(requests, 1, 0)).await?;
    actor.await?; // every sender is dropped, so its `recv` says `None`
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::timeline::{Recording, What, record};
    use futures::future::try_join_all;

    const HOUR: Duration = Duration::from_hours(1);

    fn accounts() -> (Arc<Account>, Arc<Account>) {
        (Account::new('a'), Account::new('b'))
    }

    async fn sum(a: &Account, b: &Account) -> (u32, u32) {
        (*a.balance.lock().await, *b.balance.lock().await)
    }

    fn polls(recording: &Recording, name: &str) -> usize {
        let row = recording.tasks.iter().position(|task| task == name);
        let polled = |what: &What| matches!(what, What::Poll { task, .. } if Some(*task) == row);
        let events = recording.events.iter();
        events.filter(|event| polled(&event.what)).count()
    }

    // On the paused clock an hour costs nothing: the clock jumps there as soon as everybody waits.
    #[tokio::test(start_paused = true)]
    async fn two_locks_in_opposite_order_are_a_deadlock() {
        let (a, b) = accounts();
        let there = tokio::spawn(transfer(Arc::clone(&a), Arc::clone(&b)));
        let back = tokio::spawn(transfer(Arc::clone(&b), Arc::clone(&a)));
        let ended = timeout(HOUR, try_join_all([there, back])).await;
        assert!(ended.is_err(), "no deadlock");
        // Who holds what: both locks are taken, and no task is on its way.
        assert!(a.balance.try_lock().is_err());
        assert!(b.balance.try_lock().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn aborting_one_of_them_frees_the_other() {
        let (a, b) = accounts();
        let there = tokio::spawn(transfer(Arc::clone(&a), Arc::clone(&b)));
        let back = tokio::spawn(transfer(Arc::clone(&b), Arc::clone(&a)));
        sleep(SECOND).await;
        there.abort();
        back.await.unwrap().unwrap();
        assert!(there.await.unwrap_err().is_cancelled());
        assert_eq!(sum(&a, &b).await, (110, 90));
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_order_is_no_deadlock() {
        let (a, b) = accounts();
        let start = Instant::now();
        let there = transfer_in_order(Arc::clone(&a), Arc::clone(&b));
        let back = transfer_in_order(Arc::clone(&b), Arc::clone(&a));
        let (there, back) = tokio::join!(there, back);
        there.and(back).unwrap();
        assert_eq!(start.elapsed(), SECOND);
        assert_eq!(sum(&a, &b).await, (100, 100));
    }

    #[tokio::test(start_paused = true)]
    async fn one_lock_is_no_deadlock() {
        let start = Instant::now();
        let balances = Arc::new(Mutex::new([100, 100]));
        let there = transfer_under_one_lock(Arc::clone(&balances), 0, 1);
        let back = transfer_under_one_lock(Arc::clone(&balances), 1, 0);
        let (there, back) = tokio::join!(there, back);
        there.and(back).unwrap();
        assert_eq!(start.elapsed(), SECOND);
        assert_eq!(*balances.lock().await, [100, 100]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_lets_the_other_through() {
        let (a, b) = accounts();
        let there = transfer_with_patience(Arc::clone(&a), Arc::clone(&b), SECOND / 2);
        let back = transfer_with_patience(Arc::clone(&b), Arc::clone(&a), HOUR);
        let start = Instant::now();
        let (there, back) = tokio::join!(there, back);
        there.and(back).unwrap();
        assert_eq!(start.elapsed(), SECOND);
        assert_eq!(sum(&a, &b).await, (110, 90), "one of two was made");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lock_is_not_reentrant() {
        let (a, _) = accounts();
        let held = a.balance.lock().await;
        assert!(timeout(HOUR, a.balance.lock()).await.is_err());
        drop(held);
        assert!(timeout(HOUR, a.balance.lock()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_actor_does_one_thing_after_the_other() {
        let (requests, inbox) = mpsc::channel(8);
        let start = Instant::now();
        let there = transfer_by_message(requests.clone(), 0, 1);
        let back = transfer_by_message(requests, 1, 0);
        let (there, back, ()) = tokio::join!(there, back, bank(inbox));
        there.and(back).unwrap();
        assert_eq!(start.elapsed(), SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn an_actor_that_has_ended_is_an_error_and_no_hang() {
        let (requests, inbox) = mpsc::channel(8);
        drop(inbox);
        assert!(transfer_by_message(requests, 0, 1).await.is_err());

        let (requests, inbox) = mpsc::channel(8);
        let actor = tokio::spawn(bank(inbox));
        let asked = tokio::spawn(transfer_by_message(requests, 0, 1));
        sleep(SECOND / 4).await; // it is at work
        actor.abort();
        assert!(asked.await.unwrap().is_err());
    }

    // The actor's price beside a lock that is free: two more polls for each request.
    #[tokio::test]
    async fn an_actor_costs_wake_ups_where_a_free_lock_costs_none() {
        let counter = Arc::new(Mutex::new(0));
        let ((), locked) = record(async {
            let add = async move { *counter.lock().await += 1 };
            tokio::spawn(add.traced("add()")).await.unwrap();
        })
        .await;
        assert_eq!(polls(&locked, "add()"), 1);

        let (requests, asked) = record(async {
            let (requests, mut inbox) = mpsc::channel::<oneshot::Sender<u32>>(8);
            let actor = async move {
                let mut count = 0;
                while let Some(answer) = inbox.recv().await {
                    count += 1;
                    let _ = answer.send(count);
                }
            };
            let to_actor = requests.clone();
            let add = async move {
                let (answer, answered) = oneshot::channel();
                to_actor.send(answer).await.unwrap();
                answered.await.unwrap()
            };
            tokio::spawn(actor.traced("actor()"));
            tokio::task::yield_now().await; // it waits for its first request
            assert_eq!(tokio::spawn(add.traced("add()")).await.unwrap(), 1);
            requests // lives on, so that the actor does
        })
        .await;
        drop(requests);
        assert_eq!(polls(&asked, "add()"), 2);
        assert_eq!(
            polls(&asked, "actor()"),
            2,
            "its first, and one for the request"
        );
    }

    // Messages are no charm against waiting in a circle.
    #[tokio::test(start_paused = true)]
    async fn two_actors_that_ask_each_other_are_a_deadlock() {
        type Question = oneshot::Sender<()>;
        async fn ask(whom: &mpsc::Sender<Question>) {
            let (answer, answered) = oneshot::channel();
            whom.send(answer).await.unwrap();
            answered.await.unwrap();
        }
        // Before it answers, it asks the other.
        async fn actor(mut inbox: mpsc::Receiver<Question>, other: mpsc::Sender<Question>) {
            while let Some(answer) = inbox.recv().await {
                ask(&other).await;
                let _ = answer.send(());
            }
        }
        let (to_one, one) = mpsc::channel(8);
        let (to_two, two) = mpsc::channel(8);
        tokio::spawn(actor(one, to_two));
        tokio::spawn(actor(two, to_one.clone()));
        assert!(timeout(HOUR, ask(&to_one)).await.is_err());
    }
}
