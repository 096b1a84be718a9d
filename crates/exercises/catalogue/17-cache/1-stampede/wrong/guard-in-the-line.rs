// misconception: a-guard-ends-with-its-call

use std::collections::HashMap;
use std::sync::Mutex;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};

/// Makes a call: fetches the report of a city.
pub type Fetch = Box<dyn Fn(String) -> BoxFuture<'static, u32> + Send + Sync>;

pub struct Cache {
    fetch: Fetch,
    flights: Mutex<HashMap<String, Shared<BoxFuture<'static, u32>>>>,
}

impl Cache {
    pub fn new(fetch: Fetch) -> Self {
        let flights = Mutex::default();
        Self { fetch, flights }
    }

    pub async fn get(&self, city: &str) -> u32 {
        self.flights
            .lock()
            .unwrap()
            .entry(city.to_owned())
            .or_insert_with(|| (self.fetch)(city.to_owned()).shared())
            .clone()
            .await
    }
}
