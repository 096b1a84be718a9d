// The error that stays                                           fix, chapter 17-cache
//
// A flight is shared by all who ask for its city, and a report is kept. But once a fetch has
// failed, everybody has the same error for ever; and once a fetch has panicked, everybody panics.
// Mend it. Who waits for a flight that fails has its error, all of them the same, from one call.
// Who asks after that begins a new flight, and only if none is under way. After a panic, too: those
// who waited may have an error or panic themselves.

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
        let begin = || {
            let fetch = (self.fetch)(city.to_owned());
            async move { fetch.await.map_err(Arc::new) }
                .boxed()
                .shared()
        };
        // It fails only if somebody has panicked under the lock.
        let mut flights = self.flights.lock().unwrap();
        flights.entry(city.to_owned()).or_insert_with(begin).clone()
    }
}
