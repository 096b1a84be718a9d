// All who waited remove the flight, and look first whether it is still there.

use std::collections::HashMap;
use std::io;
use std::panic::AssertUnwindSafe;
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
        let answer = flight.clone().await;
        if answer.is_err() {
            let mut flights = self.flights.lock().unwrap();
            if flights.get(city).is_some_and(|now| now.ptr_eq(&flight)) {
                flights.remove(city);
            }
        }
        answer
    }

    /// The flight for `city`, begun now or before.
    fn flight(&self, city: &str) -> Flight {
        let begin = || {
            let fetch = AssertUnwindSafe((self.fetch)(city.to_owned())).catch_unwind();
            let flight = async move {
                let lost = |_| Err(io::Error::other("the fetch panicked"));
                fetch.await.unwrap_or_else(lost).map_err(Arc::new)
            };
            flight.boxed().shared()
        };
        // It fails only if somebody has panicked under the lock.
        let mut flights = self.flights.lock().unwrap();
        flights.entry(city.to_owned()).or_insert_with(begin).clone()
    }
}
