// misconception: sender-kept

use tokio::sync::mpsc;

/// What the driver of a scale calls, in grams.
pub type Callback = Box<dyn FnMut(u32) + Send>;

#[derive(Debug, PartialEq)]
pub struct NoWeight;

pub async fn weigh(start: impl FnOnce(Callback)) -> Result<u32, NoWeight> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let for_callback = sender.clone();
    start(Box::new(move |grams| {
        let _ = for_callback.send(grams);
    }));
    receiver.recv().await.ok_or(NoWeight)
}
