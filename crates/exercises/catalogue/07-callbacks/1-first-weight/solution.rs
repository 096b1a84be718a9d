// `take` gives the sender out once. It lives in the callback and nowhere else: who drops the
// callback drops the sender, and `receiver` is told.

use tokio::sync::oneshot;

/// What the driver of a scale calls, in grams.
pub type Callback = Box<dyn FnMut(u32) + Send>;

#[derive(Debug, PartialEq)]
pub struct NoWeight;

pub async fn weigh(start: impl FnOnce(Callback)) -> Result<u32, NoWeight> {
    let (sender, receiver) = oneshot::channel();
    let mut sender = Some(sender);
    start(Box::new(move |grams| {
        if let Some(sender) = sender.take() {
            // Fails if nobody waits any more, and then nobody misses the weight.
            let _ = sender.send(grams);
        }
    }));
    receiver.await.map_err(|_| NoWeight)
}
