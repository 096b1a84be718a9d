// A channel, of which the first message is taken. The callback has its only sender.

use tokio::sync::mpsc;

/// What the driver of a scale calls, in grams.
pub type Callback = Box<dyn FnMut(u32) + Send>;

#[derive(Debug, PartialEq)]
pub struct NoWeight;

pub async fn weigh(start: impl FnOnce(Callback)) -> Result<u32, NoWeight> {
    let (sender, mut receiver) = mpsc::channel(1);
    start(Box::new(move |grams| {
        // Fails if there is a weight already, or nobody who waits.
        let _ = sender.try_send(grams);
    }));
    receiver.recv().await.ok_or(NoWeight)
}
