//! An event: `watch` is one, `Notify` is not.

use futures::FutureExt as _;
use futures::future::try_join_all;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::{LONG, SECOND, seconds_since};

/// Waits until the door is open.
async fn guest(number: u32, mut open: watch::Receiver<bool>) -> anyhow::Result<()> {
    let came = Instant::now();
    // It fails when nobody is left who could open.
    open.wait_for(|open| *open).await?;
    let seconds = seconds_since(came);
    println!("guest({number}) waited {seconds:.1} s");
    Ok(())
}

/// A level: once the door is open, everybody passes, also who comes later.
async fn door() -> anyhow::Result<()> {
    let (door, open) = watch::channel(false);
    let early = tokio::spawn(guest(1, open.clone()));
    sleep(2 * SECOND).await;
    door.send_replace(true); // event.set()
    early.await??;
    guest(2, open.clone()).await?; // comes when it is open
    door.send_replace(false); // event.clear()
    println!("open: {}", *open.borrow()); // event.is_set()
    Ok(())
}

/// Set and cleared at once. Who waits is woken, and then looks: the door is shut.
async fn pulse() -> anyhow::Result<()> {
    let start = Instant::now();
    let (door, open) = watch::channel(false);
    let waiting = tokio::spawn(timeout(LONG, guest(3, open)));
    sleep(SECOND).await;
    door.send_replace(true);
    door.send_replace(false);
    let passed = waiting.await?.is_ok();
    let seconds = seconds_since(start);
    println!("pulse of a watch: passed is {passed}, after {seconds:.1} s");

    let start = Instant::now();
    let bell = Notify::new();
    let ring = async {
        sleep(SECOND).await;
        bell.notify_waiters();
    };
    let (passed, ()) = tokio::join!(timeout(LONG, bell.notified()), ring);
    let passed = passed.is_ok();
    let seconds = seconds_since(start);
    println!("pulse of a Notify: passed is {passed}, after {seconds:.1} s");
    Ok(())
}

/// How many of three waits pass at once, one after the other.
fn passing(notify: &Notify) -> usize {
    let passes = |_: &u32| notify.notified().now_or_never().is_some();
    (1..=3).filter(passes).count()
}

/// What is left of a signal for those who come later.
async fn later() -> anyhow::Result<()> {
    let (door, open) = watch::channel(false);
    door.send_replace(true);
    let guests = (1..=3).map(async |_| open.clone().wait_for(|open| *open).await.map(drop));
    let passed = try_join_all(guests).await?.len();
    println!("set once: {passed} of 3 later waits pass");

    let notify = Notify::new();
    notify.notify_waiters();
    let passed = passing(&notify);
    println!("notify_waiters once: {passed} of 3 later waits pass");

    for _ in 1..=3 {
        notify.notify_one();
    }
    let passed = passing(&notify);
    println!("notify_one three times: {passed} of 3 later waits pass");
    Ok(())
}

/// `asyncio.Event`, and what looks like one.
pub(crate) async fn event() -> anyhow::Result<()> {
    door().await?;
    pulse().await?;
    later().await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_watch_is_a_level() {
        let (door, mut open) = watch::channel(false);
        assert!(open.wait_for(|open| *open).now_or_never().is_none());
        door.send_replace(true);
        for _ in 1..=3 {
            assert!(open.wait_for(|open| *open).now_or_never().is_some());
        }
        assert!(*open.borrow(), "is_set");
        door.send_replace(false);
        assert!(open.wait_for(|open| *open).now_or_never().is_none());
    }

    // `send` fails without a receiver, and then changes nothing; `send_replace` always does.
    #[test]
    fn send_replace_sets_also_if_nobody_listens() {
        let (door, open) = watch::channel(false);
        drop(open);
        assert!(door.send(true).is_err());
        assert!(!*door.borrow());
        door.send_replace(true);
        assert!(*door.subscribe().borrow());
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_without_a_sender_ends_the_wait() {
        let (door, mut open) = watch::channel(false);
        drop(door);
        assert!(open.wait_for(|open| *open).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pulse_of_a_watch_wakes_and_does_not_pass() {
        let (door, open) = watch::channel(false);
        let mut looks = 0;
        let mut receiver = open.clone();
        let waiting = receiver.wait_for(|open| {
            looks += 1;
            *open
        });
        let pulse = async {
            sleep(SECOND).await;
            door.send_replace(true);
            door.send_replace(false);
        };
        let (passed, ()) = tokio::join!(timeout(LONG, waiting), pulse);
        assert!(passed.is_err());
        assert_eq!(looks, 2, "at the beginning, and when it was woken");
    }

    #[test]
    fn notify_waiters_stores_nothing() {
        let notify = Notify::new();
        notify.notify_waiters();
        assert_eq!(passing(&notify), 0);
    }

    #[test]
    fn notify_one_stores_at_most_one() {
        let notify = Notify::new();
        for _ in 1..=3 {
            notify.notify_one();
        }
        assert_eq!(passing(&notify), 1);
    }

    /// An event that passes a pulse, as asyncio's does.
    #[derive(Default)]
    struct Event {
        is_set: AtomicBool,
        bell: Notify,
    }

    impl Event {
        fn set(&self) {
            self.is_set.store(true, Ordering::Release);
            self.bell.notify_waiters();
        }

        fn clear(&self) {
            self.is_set.store(false, Ordering::Release);
        }

        async fn wait(&self) {
            let ring = self.bell.notified(); // before looking
            if !self.is_set.load(Ordering::Acquire) {
                ring.await; // and does not look again
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_by_hand_passes_a_pulse_too() {
        let start = Instant::now();
        let door = Event::default();
        let pulse = async {
            sleep(SECOND).await;
            door.set();
            door.clear();
        };
        let (passed, ()) = tokio::join!(timeout(LONG, door.wait()), pulse);
        assert!(passed.is_ok());
        assert_eq!(start.elapsed(), SECOND);
        assert!(door.wait().now_or_never().is_none());
        door.set();
        for _ in 1..=3 {
            assert!(door.wait().now_or_never().is_some());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_notify_wakes_in_the_order_of_waiting() {
        let bell = Notify::new();
        let woken = std::sync::Mutex::new(Vec::new());
        let wait = async |number: u32| {
            bell.notified().await;
            crate::lock(&woken).push(number);
        };
        let ring = async {
            for _ in 1..=3 {
                bell.notify_one();
                sleep(SECOND).await;
            }
        };
        tokio::join!(wait(1), wait(2), wait(3), ring);
        assert_eq!(*crate::lock(&woken), [1, 2, 3]);
    }
}
