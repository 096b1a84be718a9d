// A channel holds the wakes, and the thread sleeps in `recv`.

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::task::{Context, Poll, Wake};

struct Ring(SyncSender<()>);

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        // Full: a wake is waiting already, and one is enough.
        let _ = self.0.try_send(());
    }
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let (sender, receiver) = sync_channel(1);
    let waker = Arc::new(Ring(sender)).into();
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        // The sender lives in the waker, so this cannot fail while we hold that.
        let _ = receiver.recv();
    }
}
