// The runtime polls the call, and the callers wait for word from it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio::sync::oneshot;

/// Makes a call: fetches the report of a city.
pub type Fetch = Box<dyn Fn(String) -> BoxFuture<'static, u32> + Send + Sync>;

#[derive(Clone)]
enum Found {
    Report(u32),
    Flight(Shared<oneshot::Receiver<u32>>),
}

pub struct Cache {
    fetch: Fetch,
    found: Arc<Mutex<HashMap<String, Found>>>,
}

impl Cache {
    pub fn new(fetch: Fetch) -> Self {
        let found = Arc::default();
        Self { fetch, found }
    }

    pub async fn get(&self, city: &str) -> u32 {
        match self.look_up(city) {
            Found::Report(report) => report,
            // The task ends without an answer only if the fetch panics.
            Found::Flight(landing) => landing.await.expect("the fetch ends"),
        }
    }

    fn look_up(&self, city: &str) -> Found {
        // It fails only if somebody has panicked under the lock.
        let mut found = self.found.lock().unwrap();
        if let Some(found) = found.get(city) {
            return found.clone();
        }
        let (sender, landing) = oneshot::channel();
        let flight = Found::Flight(landing.shared());
        found.insert(city.to_owned(), flight.clone());
        let (all, city) = (Arc::clone(&self.found), city.to_owned());
        let fetch = (self.fetch)(city.clone());
        tokio::spawn(async move {
            let report = fetch.await;
            all.lock().unwrap().insert(city, Found::Report(report));
            // Nobody may wait any more.
            let _ = sender.send(report);
        });
        flight
    }
}
