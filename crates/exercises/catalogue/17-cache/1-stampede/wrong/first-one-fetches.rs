// misconception: the-first-one-stays

use std::collections::HashMap;
use std::sync::Mutex;

use futures::future::BoxFuture;
use tokio::sync::watch;

/// Makes a call: fetches the report of a city.
pub type Fetch = Box<dyn Fn(String) -> BoxFuture<'static, u32> + Send + Sync>;

pub struct Cache {
    fetch: Fetch,
    boards: Mutex<HashMap<String, watch::Sender<Option<u32>>>>,
}

impl Cache {
    pub fn new(fetch: Fetch) -> Self {
        let boards = Mutex::default();
        Self { fetch, boards }
    }

    pub async fn get(&self, city: &str) -> u32 {
        let (board, is_first) = {
            let mut boards = self.boards.lock().unwrap();
            let is_first = !boards.contains_key(city);
            let board = boards.entry(city.to_owned()).or_default();
            (board.clone(), is_first)
        };
        if is_first {
            let report = (self.fetch)(city.to_owned()).await;
            board.send_replace(Some(report));
        }
        let mut receiver = board.subscribe();
        let report = receiver.wait_for(Option::is_some).await.unwrap();
        report.unwrap()
    }
}
