// misconception: pending-means-ask-again

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

#[derive(Clone, Default)]
pub struct Doorbell(Arc<Mutex<Bell>>);

#[derive(Default)]
struct Bell {
    rung: bool,
}

impl Doorbell {
    pub fn ring(&self) {
        let mut bell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bell.rung = true;
    }

    pub fn heard(&self) -> Heard {
        Heard(self.0.clone())
    }
}

pub struct Heard(Arc<Mutex<Bell>>);

impl Future for Heard {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let bell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bell.rung {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
