// Every `Pending` leaves a waker behind, and `ring` calls all of them, after the lock is free: a
// waker runs code that we do not know. Flag and wakers are under one lock, so that no guest can
// look before the ring and leave its waker after it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

#[derive(Clone, Default)]
pub struct Doorbell(Arc<Mutex<Bell>>);

#[derive(Default)]
struct Bell {
    rung: bool,
    waiting: Vec<Waker>,
}

impl Doorbell {
    pub fn ring(&self) {
        let waiting = {
            let mut bell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            bell.rung = true;
            std::mem::take(&mut bell.waiting)
        };
        for waker in waiting {
            waker.wake();
        }
    }

    pub fn heard(&self) -> Heard {
        Heard(self.0.clone())
    }
}

pub struct Heard(Arc<Mutex<Bell>>);

impl Future for Heard {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut bell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bell.rung {
            return Poll::Ready(());
        }
        if !bell.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            bell.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
