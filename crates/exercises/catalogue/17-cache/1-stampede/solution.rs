// The first caller announces the flight, under a short lock, before anybody waits. All poll the
// same future, so it belongs to none of them; when it is done, it is the report that is kept.

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
        let flight = self.flight(city);
        flight.await
    }

    /// The flight for `city`, begun now or before.
    fn flight(&self, city: &str) -> Shared<BoxFuture<'static, u32>> {
        // It fails only if somebody has panicked under the lock.
        let mut flights = self.flights.lock().unwrap();
        if let Some(flight) = flights.get(city) {
            return flight.clone();
        }
        let flight = (self.fetch)(city.to_owned()).shared();
        flights.insert(city.to_owned(), flight.clone());
        flight
    }
}
