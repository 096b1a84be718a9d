// misconception: the-first-one-stays

use std::collections::HashMap;
use std::sync::Mutex;

use futures::future::BoxFuture;
use tokio::sync::broadcast;

/// Makes a call: fetches the report of a city.
pub type Fetch = Box<dyn Fn(String) -> BoxFuture<'static, u32> + Send + Sync>;

enum Found {
    Report(u32),
    Flight(broadcast::Receiver<u32>),
}

pub struct Cache {
    fetch: Fetch,
    found: Mutex<HashMap<String, Found>>,
}

impl Cache {
    pub fn new(fetch: Fetch) -> Self {
        let found = Mutex::default();
        Self { fetch, found }
    }

    pub async fn get(&self, city: &str) -> u32 {
        let (sender, receiver) = broadcast::channel(1);
        let flight = {
            let mut found = self.found.lock().unwrap();
            match found.get(city) {
                Some(Found::Report(report)) => return *report,
                Some(Found::Flight(flight)) => Some(flight.resubscribe()),
                None => {
                    found.insert(city.to_owned(), Found::Flight(receiver));
                    None
                }
            }
        };
        if let Some(mut flight) = flight {
            return flight.recv().await.expect("the first one sends");
        }
        let report = (self.fetch)(city.to_owned()).await;
        let mut found = self.found.lock().unwrap();
        found.insert(city.to_owned(), Found::Report(report));
        let _ = sender.send(report);
        report
    }
}
