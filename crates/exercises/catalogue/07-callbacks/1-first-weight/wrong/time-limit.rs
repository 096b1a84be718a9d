// misconception: lost-callback-is-silence

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

/// What the driver of a scale calls, in grams.
pub type Callback = Box<dyn FnMut(u32) + Send>;

#[derive(Debug, PartialEq)]
pub struct NoWeight;

pub async fn weigh(start: impl FnOnce(Callback)) -> Result<u32, NoWeight> {
    let (sender, receiver) = oneshot::channel();
    let sender = Arc::new(Mutex::new(Some(sender)));
    let for_callback = sender.clone();
    start(Box::new(move |grams| {
        if let Some(sender) = for_callback.lock().unwrap().take() {
            let _ = sender.send(grams);
        }
    }));
    match timeout(Duration::from_secs(60), receiver).await {
        Ok(Ok(grams)) => Ok(grams),
        _ => Err(NoWeight),
    }
}
