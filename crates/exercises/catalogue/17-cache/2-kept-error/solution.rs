// The flight takes itself out of the map when it fails: once, and before those who waited have their
// turn, so nobody has to ask which flight is there. A panic is caught, so that the lines after the
// await run then, too.

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
    flights: Arc<Mutex<HashMap<String, Flight>>>,
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
            let fetch = AssertUnwindSafe((self.fetch)(city.to_owned())).catch_unwind();
            let (flights, city) = (Arc::clone(&self.flights), city.to_owned());
            let task = tokio::spawn(async move {
                let answer = match fetch.await {
                    Ok(fetched) => fetched.map_err(Arc::new),
                    Err(_) => Err(Arc::new(io::Error::other("the fetch panicked"))),
                };
                if answer.is_err() {
                    flights.lock().unwrap().remove(&city);
                }
                answer
            });
            // The task is lost only if the runtime shuts down.
            task.map(|ended| ended.unwrap_or_else(|lost| Err(Arc::new(lost.into()))))
                .boxed()
                .shared()
        };
        // It fails only if somebody has panicked under the lock.
        let mut flights = self.flights.lock().unwrap();
        flights.entry(city.to_owned()).or_insert_with(begin).clone()
    }
}
