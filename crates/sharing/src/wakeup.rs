//! A wake-up that comes between looking and waiting, and is lost.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Mutex;

use common::{Stage, Trace as _};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use crate::{LONG, SECOND, lock, seconds_since};

/// Letters, and a bell that rings for each.
#[derive(Default)]
struct Mailbox {
    letters: Mutex<VecDeque<u32>>,
    bell: Notify,
}

impl Mailbox {
    fn take(&self) -> Option<u32> {
        lock(&self.letters).pop_front()
    }

    /// Rings for everybody who waits.
    fn put(&self, letter: u32) {
        lock(&self.letters).push_back(letter);
        self.bell.notify_waiters();
    }

    /// Rings for one who waits, or for the next who will.
    fn put_for_one(&self, letter: u32) {
        lock(&self.letters).push_back(letter);
        self.bell.notify_one();
    }
}

/// Something that takes a second, and that anybody might put here. On several threads it needs no
/// await: there another thread may come between any two lines.
async fn write_to_the_log() {
    sleep(SECOND).await;
}

/// The mistake. The letter may come, and the bell ring, while nobody listens.
async fn look_then_listen(mail: &Mailbox) -> u32 {
    loop {
        if let Some(letter) = mail.take() {
            return letter;
        }
        write_to_the_log().await;
        mail.bell.notified().await;
    }
}

/// The cure: listens first and then looks. What comes after the look is heard.
async fn listen_then_look(mail: &Mailbox) -> u32 {
    loop {
        let mut ring = pin!(mail.bell.notified());
        // Takes its place in the queue without waiting. `notify_one` knows only who is there.
        ring.as_mut().enable();
        if let Some(letter) = mail.take() {
            return letter;
        }
        write_to_the_log().await;
        ring.await;
    }
}

/// One letter, after half a second.
async fn one_letter(name: &str, receive: impl AsyncFn(&Mailbox) -> u32) {
    let start = Instant::now();
    let mail = Mailbox::default();
    let receive = receive(&mail).traced("receive()");
    let put = async {
        sleep(SECOND / 2).await;
        mail.put(1);
    };
    // A timeout that must not fire. If it does, nobody was left who could go on.
    let (received, ()) = tokio::join!(timeout(LONG, receive), put.traced("put(1)"));
    let seconds = seconds_since(start);
    match received {
        Ok(letter) => println!("{name}: letter {letter} after {seconds:.1} s"),
        Err(_) => println!("{name}: stuck, given up after {seconds:.1} s"),
    }
}

/// Two letters for two who wait, and `notify_one` for each.
async fn two_letters(name: &str, receive: impl AsyncFn(&Mailbox) -> u32) {
    let mail = Mailbox::default();
    let put = async {
        sleep(SECOND / 2).await;
        mail.put_for_one(1);
        mail.put_for_one(2);
    };
    let (first, second, ()) = tokio::join!(
        timeout(LONG, receive(&mail)),
        timeout(LONG, receive(&mail)),
        put,
    );
    let received = [first, second].into_iter().flatten().count();
    let left = lock(&mail.letters).len();
    println!("two of {name}: {received} received, {left} left in the box");
}

/// A lost wake-up, and its cure.
pub(crate) async fn wakeup(stage: &Stage) -> anyhow::Result<()> {
    stage.scene("look, then listen");
    one_letter("look, then listen", look_then_listen).await;
    stage.scene("listen, then look");
    one_letter("listen, then look", listen_then_look).await;
    two_letters("look, then listen", look_then_listen).await;
    two_letters("listen, then look", listen_then_look).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use futures::FutureExt as _;

    const HOUR: Duration = Duration::from_hours(1);

    // The clock is paused. It jumps to the end of the hour only if nobody is left who could go on
    // before: that is what a lost wake-up looks like.
    #[tokio::test(start_paused = true)]
    async fn a_ring_between_looking_and_listening_is_lost() {
        let mail = Mailbox::default();
        let put = async {
            sleep(SECOND / 2).await;
            mail.put(1);
        };
        let (received, ()) = tokio::join!(timeout(HOUR, look_then_listen(&mail)), put);
        assert!(received.is_err(), "nothing was lost");
        assert_eq!(mail.take(), Some(1), "the letter is there");
    }

    #[tokio::test(start_paused = true)]
    async fn who_listens_before_looking_hears_it() {
        for put in [Mailbox::put, Mailbox::put_for_one] {
            let start = Instant::now();
            let mail = Mailbox::default();
            let later = async {
                sleep(SECOND / 2).await;
                put(&mail, 1);
            };
            let (received, ()) = tokio::join!(timeout(HOUR, listen_then_look(&mail)), later);
            assert_eq!(received, Ok(1));
            assert_eq!(start.elapsed(), SECOND, "when it has written to the log");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_permit_does_for_one() {
        let mail = Mailbox::default();
        let put = async {
            sleep(SECOND / 2).await;
            mail.put_for_one(1);
        };
        let (received, ()) = tokio::join!(timeout(HOUR, look_then_listen(&mail)), put);
        assert_eq!(received, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn one_permit_does_for_one_of_two() {
        let mail = Mailbox::default();
        let put = async {
            sleep(SECOND / 2).await;
            mail.put_for_one(1);
            mail.put_for_one(2);
        };
        let (first, second, ()) = tokio::join!(
            timeout(HOUR, look_then_listen(&mail)),
            timeout(HOUR, look_then_listen(&mail)),
            put,
        );
        assert_eq!([first.is_ok(), second.is_ok()], [true, false]);
        assert_eq!(mail.take(), Some(2), "nobody was told of it");
    }

    #[test]
    fn a_notified_hears_notify_waiters_from_its_creation() {
        let bell = Notify::new();
        let ring = bell.notified();
        bell.notify_waiters();
        assert!(ring.now_or_never().is_some());
    }

    #[test]
    fn a_notified_hears_notify_one_from_enable() {
        let bell = Notify::new();
        let (first, second) = (bell.notified(), bell.notified());
        bell.notify_one();
        bell.notify_one();
        assert!(first.now_or_never().is_some(), "took the one permit");
        assert!(second.now_or_never().is_none(), "was in no queue");

        let bell = Notify::new();
        let mut first = Box::pin(bell.notified());
        let mut second = Box::pin(bell.notified());
        first.as_mut().enable();
        second.as_mut().enable();
        bell.notify_one();
        bell.notify_one();
        assert!(first.now_or_never().is_some());
        assert!(second.now_or_never().is_some());
    }
}
