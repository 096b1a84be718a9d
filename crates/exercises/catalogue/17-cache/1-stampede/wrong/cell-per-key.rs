// misconception: timeout-lets-it-run

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use tokio::sync::OnceCell;

/// Makes a call: fetches the report of a city.
pub type Fetch = Box<dyn Fn(String) -> BoxFuture<'static, u32> + Send + Sync>;

pub struct Cache {
    fetch: Fetch,
    cells: Mutex<HashMap<String, Arc<OnceCell<u32>>>>,
}

impl Cache {
    pub fn new(fetch: Fetch) -> Self {
        let cells = Mutex::default();
        Self { fetch, cells }
    }

    pub async fn get(&self, city: &str) -> u32 {
        let cell = {
            let mut cells = self.cells.lock().unwrap();
            Arc::clone(cells.entry(city.to_owned()).or_default())
        };
        *cell.get_or_init(|| (self.fetch)(city.to_owned())).await
    }
}
