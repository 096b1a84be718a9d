// The doorbell                                        fix, chapter 08-future-by-hand
//
// Guests await `heard()`, and whoever calls `ring()` lets all of them go on: those that wait now,
// and those that come later. A guest who came before the bell rang waits for ever. Mend it. A
// guest must not be polled again and again while nobody rings.

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

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
        let bell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bell.rung {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
