// A guard in the flight takes it out of the map on every way out, a panic included, unless there is
// a report. Who waited for a flight that panics, panics as well.

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
type Flights = Arc<Mutex<HashMap<String, Flight>>>;

struct Entry {
    flights: Flights,
    city: String,
    keep: bool,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.keep {
            self.flights.lock().unwrap().remove(&self.city);
        }
    }
}

pub struct Cache {
    fetch: Fetch,
    flights: Flights,
}

impl Cache {
    pub fn new(fetch: Fetch) -> Self {
        let flights = Arc::default();
        Self { fetch, flights }
    }

    pub async fn get(&self, city: &str) -> Answer {
        let flight = self.flight(city);
        flight.await
    }

    /// The flight for `city`, begun now or before.
    fn flight(&self, city: &str) -> Flight {
        let begin = || {
            let fetch = (self.fetch)(city.to_owned());
            let entry = Entry {
                flights: Arc::clone(&self.flights),
                city: city.to_owned(),
                keep: false,
            };
            let flight = async move {
                // All of it, and not a copy of the one field that is named below.
                let mut entry = entry;
                let answer = fetch.await.map_err(Arc::new);
                entry.keep = answer.is_ok();
                answer
            };
            flight.boxed().shared()
        };
        // It fails only if somebody has panicked under the lock.
        let mut flights = self.flights.lock().unwrap();
        flights.entry(city.to_owned()).or_insert_with(begin).clone()
    }
}
