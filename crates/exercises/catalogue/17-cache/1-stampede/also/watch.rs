// A task for each city puts its report where everybody looks.

use std::collections::HashMap;
use std::sync::Mutex;

use futures::future::BoxFuture;
use tokio::sync::watch;

/// Makes a call: fetches the report of a city.
pub type Fetch = Box<dyn Fn(String) -> BoxFuture<'static, u32> + Send + Sync>;

pub struct Cache {
    fetch: Fetch,
    boards: Mutex<HashMap<String, watch::Receiver<Option<u32>>>>,
}

impl Cache {
    pub fn new(fetch: Fetch) -> Self {
        let boards = Mutex::default();
        Self { fetch, boards }
    }

    pub async fn get(&self, city: &str) -> u32 {
        let begin = || {
            let (sender, receiver) = watch::channel(None);
            let fetch = (self.fetch)(city.to_owned());
            tokio::spawn(async move { sender.send_replace(Some(fetch.await)) });
            receiver
        };
        // It fails only if somebody has panicked under the lock.
        let mut board = self
            .boards
            .lock()
            .unwrap()
            .entry(city.to_owned())
            .or_insert_with(begin)
            .clone();
        let report = board.wait_for(Option::is_some).await;
        // The sender is gone without a word only if the fetch panics.
        report.ok().and_then(|report| *report).expect("a report")
    }
}
