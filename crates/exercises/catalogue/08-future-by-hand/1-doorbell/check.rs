use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use exercises::{Hang, check, if_it_hangs, same, wrong};
use tokio::time::{sleep, timeout};

use super::exercise::Doorbell;

/// A waker that counts its calls.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn waker() -> (Waker, Arc<Count>) {
    let count = Arc::new(Count::default());
    (count.clone().into(), count)
}

#[test]
fn a_guest_waits_until_the_bell_rings() {
    check(async {
        if_it_hangs(
            Hang::Spinning,
            "pending-means-ask-again",
            "The guest is polled again and again, and the one who rings gets no turn.",
        );
        if_it_hangs(
            Hang::Pending,
            "pending-means-ask-again",
            "The bell has rung, and nobody told the guest: his waker was not kept.",
        );
        let bell = Doorbell::default();
        let guest = tokio::spawn(bell.heard());
        sleep(Duration::from_secs(1)).await;
        bell.ring();
        guest.await.unwrap();
    });
}

#[test]
fn nobody_is_woken_before_the_bell_rings() {
    check(async {
        let bell = Doorbell::default();
        let (waker, woken) = waker();
        let mut heard = pin!(bell.heard());
        let polled = heard.as_mut().poll(&mut Context::from_waker(&waker));
        same("the first poll", polled, Poll::Pending);
        if woken.0.load(Ordering::Relaxed) > 0 {
            wrong(
                "pending-means-ask-again",
                "A poll woke its own task before the bell had rung: the guest is asked again and \
                 again, and keeps a processor busy.",
            );
        }
    });
}

#[test]
fn all_guests_hear_it() {
    check(async {
        let bell = Doorbell::default();
        let guests: Vec<_> = (0..3).map(|_| tokio::spawn(bell.heard())).collect();
        sleep(Duration::from_secs(1)).await;
        bell.ring();
        let mut heard = 0;
        for guest in guests {
            heard += usize::from(timeout(Duration::from_secs(1), guest).await.is_ok());
        }
        if heard == 1 {
            wrong(
                "one-waiter-is-enough",
                "Three guests waited, the bell rang, and one of them heard it.",
            );
        }
        same("how many of three guests heard it", heard, 3);
    });
}

#[test]
fn a_guest_may_move_to_another_task() {
    check(async {
        let bell = Doorbell::default();
        let (old, _) = waker();
        let (new, woken) = waker();
        let mut heard = pin!(bell.heard());
        let _ = heard.as_mut().poll(&mut Context::from_waker(&old));
        let _ = heard.as_mut().poll(&mut Context::from_waker(&new));
        bell.ring();
        if woken.0.load(Ordering::Relaxed) == 0 {
            wrong(
                "the-first-waker-stays",
                "A guest was polled by one task and then by another. The bell woke the first, or \
                 nobody: the last waker is the one that counts.",
            );
        }
        let polled = heard.as_mut().poll(&mut Context::from_waker(&new));
        same("the poll after the ring", polled, Poll::Ready(()));
    });
}

#[test]
fn who_comes_after_the_ring_does_not_wait() {
    check(async {
        let bell = Doorbell::default();
        bell.ring();
        let heard = timeout(Duration::from_secs(1), bell.heard()).await;
        same("whether he goes on", heard.is_ok(), true);
    });
}
