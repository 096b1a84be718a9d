// A sender that could be shared, and is not: the callback has the only `Arc`.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// What the driver of a scale calls, in grams.
pub type Callback = Box<dyn FnMut(u32) + Send>;

#[derive(Debug, PartialEq)]
pub struct NoWeight;

pub async fn weigh(start: impl FnOnce(Callback)) -> Result<u32, NoWeight> {
    let (sender, receiver) = oneshot::channel();
    let sender = Arc::new(Mutex::new(Some(sender)));
    start(Box::new(move |grams| {
        let first = sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = first {
            // Who has given up does not want it.
            let _ = sender.send(grams);
        }
    }));
    receiver.await.or(Err(NoWeight))
}
