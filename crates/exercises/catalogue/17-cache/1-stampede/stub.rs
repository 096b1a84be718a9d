// Stampede                                                       fix, chapter 17-cache
//
// A hundred callers ask for a city of which nothing is kept, and a hundred calls go out. Mend
// `get`. Whoever asks for a city while its report is being fetched waits for that call; a report
// that has come is kept; and nobody waits because of another city. Any caller may give up at any
// time. Those who still wait have their report from the same call, and as early as without him.

use std::collections::HashMap;
use std::sync::Mutex;

use futures::future::BoxFuture;

/// Makes a call: fetches the report of a city.
pub type Fetch = Box<dyn Fn(String) -> BoxFuture<'static, u32> + Send + Sync>;

pub struct Cache {
    fetch: Fetch,
    reports: Mutex<HashMap<String, u32>>,
}

impl Cache {
    pub fn new(fetch: Fetch) -> Self {
        let reports = Mutex::default();
        Self { fetch, reports }
    }

    pub async fn get(&self, city: &str) -> u32 {
        // It fails only if somebody has panicked under the lock, and nothing here panics.
        let kept = self.reports.lock().unwrap().get(city).copied();
        if let Some(report) = kept {
            return report;
        }
        let report = (self.fetch)(city.to_owned()).await;
        self.reports.lock().unwrap().insert(city.to_owned(), report);
        report
    }
}
