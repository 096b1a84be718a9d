// misconception: a-cell-shares-errors

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use tokio::sync::OnceCell;

/// Makes a call: fetches the report of a city.
pub type Fetch = Box<dyn Fn(String) -> BoxFuture<'static, io::Result<u32>> + Send + Sync>;

/// An `io::Error` cannot be cloned, so all who waited share one.
pub type Answer = Result<u32, Arc<io::Error>>;

pub struct Cache {
    fetch: Fetch,
    cells: Mutex<HashMap<String, Arc<OnceCell<u32>>>>,
}

impl Cache {
    pub fn new(fetch: Fetch) -> Self {
        let cells = Mutex::default();
        Self { fetch, cells }
    }

    pub async fn get(&self, city: &str) -> Answer {
        let cell = {
            let mut cells = self.cells.lock().unwrap();
            Arc::clone(cells.entry(city.to_owned()).or_default())
        };
        let fetch = || (self.fetch)(city.to_owned());
        let report = cell.get_or_try_init(fetch).await.map_err(Arc::new)?;
        Ok(*report)
    }
}
