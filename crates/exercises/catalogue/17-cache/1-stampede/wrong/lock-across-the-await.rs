// misconception: a-lock-holds-up-one-key

use std::collections::HashMap;

use futures::future::BoxFuture;
use tokio::sync::Mutex;

/// Makes a call: fetches the report of a city.
pub type Fetch = Box<dyn Fn(String) -> BoxFuture<'static, u32> + Send + Sync>;

pub struct Cache {
    fetch: Fetch,
    reports: Mutex<HashMap<String, u32>>,
}

impl Cache {
    pub fn new(fetch: Fetch) -> Self {
        let reports = Mutex::default();
        Self { fetch, reports }
    }

    pub async fn get(&self, city: &str) -> u32 {
        let mut reports = self.reports.lock().await;
        if let Some(report) = reports.get(city) {
            return *report;
        }
        let report = (self.fetch)(city.to_owned()).await;
        reports.insert(city.to_owned(), report);
        report
    }
}
