// misconception: the-first-waker-stays

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
        let mut bell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bell.rung = true;
        for waker in bell.waiting.drain(..) {
            waker.wake();
        }
    }

    pub fn heard(&self) -> Heard {
        Heard {
            bell: self.0.clone(),
            registered: false,
        }
    }
}

pub struct Heard {
    bell: Arc<Mutex<Bell>>,
    registered: bool,
}

impl Future for Heard {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let bell = self.bell.clone();
        let mut bell = bell.lock().unwrap_or_else(PoisonError::into_inner);
        if bell.rung {
            return Poll::Ready(());
        }
        if !self.registered {
            self.registered = true;
            bell.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
