// Who asks looks at what is there: a flight that has failed is replaced.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};

/// Makes a call: fetches the report of a city.
pub type Fetch = Box<dyn Fn(String) -> BoxFuture<'static, io::Result<u32>> + Send + Sync>;

/// An `io::Error` cannot be cloned, so all who waited share one.
pub type Answer = Result<u32, Arc<io::Error>>;

type Flight = Shared<BoxFuture<'static, Answer>>;

pub struct Cache {
    fetch: Fetch,
    flights: Mutex<HashMap<String, Flight>>,
}

impl Cache {
    pub fn new(fetch: Fetch) -> Self {
        let flights = Mutex::default();
        Self { fetch, flights }
    }

    pub async fn get(&self, city: &str) -> Answer {
        let flight = self.flight(city);
        flight.await
    }

    /// The flight for `city`, begun now or before.
    fn flight(&self, city: &str) -> Flight {
        // It fails only if somebody has panicked under the lock.
        let mut flights = self.flights.lock().unwrap();
        if let Some(flight) = flights.get(city)
            && !matches!(flight.peek(), Some(Err(_)))
        {
            return flight.clone();
        }
        let task = tokio::spawn((self.fetch)(city.to_owned()));
        let flight = async move {
            let fetched = task.await.unwrap_or_else(|lost| Err(lost.into()));
            fetched.map_err(Arc::new)
        };
        let flight = flight.boxed().shared();
        flights.insert(city.to_owned(), flight.clone());
        flight
    }
}
