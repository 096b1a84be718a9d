// misconception: nobody-comes-between

use std::collections::HashMap;

use futures::future::BoxFuture;
use tokio::sync::RwLock;

/// Makes a call: fetches the report of a city.
pub type Fetch = Box<dyn Fn(String) -> BoxFuture<'static, u32> + Send + Sync>;

pub struct Cache {
    fetch: Fetch,
    reports: RwLock<HashMap<String, u32>>,
}

impl Cache {
    pub fn new(fetch: Fetch) -> Self {
        let reports = RwLock::default();
        Self { fetch, reports }
    }

    pub async fn get(&self, city: &str) -> u32 {
        if let Some(report) = self.reports.read().await.get(city) {
            return *report;
        }
        let report = (self.fetch)(city.to_owned()).await;
        let mut reports = self.reports.write().await;
        *reports.entry(city.to_owned()).or_insert(report)
    }
}
