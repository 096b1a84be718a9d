// misconception: called-exactly-once

use tokio::sync::oneshot;

/// What the driver of a scale calls, in grams.
pub type Callback = Box<dyn FnMut(u32) + Send>;

#[derive(Debug, PartialEq)]
pub struct NoWeight;

pub async fn weigh(start: impl FnOnce(Callback)) -> Result<u32, NoWeight> {
    let (sender, receiver) = oneshot::channel();
    let mut sender = Some(sender);
    start(Box::new(move |grams| {
        let sender = sender.take().expect("the callback is called once");
        let _ = sender.send(grams);
    }));
    receiver.await.map_err(|_| NoWeight)
}
