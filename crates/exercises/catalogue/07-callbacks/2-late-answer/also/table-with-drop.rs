// A table that gives itself back, wherever it is dropped: in the callback, in the channel, or by
// the guest.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

type Tables = Arc<Mutex<Vec<u32>>>;

#[derive(Debug)]
pub struct Table(u32, Tables);

impl Drop for Table {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(self.0);
    }
}

type Callback = Box<dyn FnOnce(Table) + Send>;

/// The library. It answers one call after the other, each after three seconds. (Nothing panics
/// while it holds its lock, so that `unwrap` does not either.)
#[derive(Clone)]
pub struct Desk {
    calls: mpsc::UnboundedSender<Callback>,
    free: Tables,
}

impl Desk {
    pub fn open(tables: Vec<u32>) -> Self {
        let (calls, mut queue) = mpsc::unbounded_channel::<Callback>();
        let free = Arc::new(Mutex::new(tables));
        let tables = free.clone();
        tokio::spawn(async move {
            while let Some(done) = queue.recv().await {
                sleep(Duration::from_secs(3)).await;
                let table = tables.lock().unwrap().pop();
                // Without a table, the callback is dropped.
                if let Some(number) = table {
                    done(Table(number, tables.clone()));
                }
            }
        });
        Self { calls, free }
    }

    pub fn ask(&self, done: impl FnOnce(Table) + Send + 'static) {
        drop(self.calls.send(Box::new(done)));
    }

    pub fn give_back(&self, table: Table) {
        drop(table);
    }

    pub fn free(&self) -> usize {
        self.free.lock().unwrap().len()
    }
}

/// A table, if there is one within `limit`.
pub async fn reserve(desk: &Desk, limit: Duration) -> Option<Table> {
    let (sender, receiver) = oneshot::channel();
    desk.ask(move |table| {
        let _ = sender.send(table);
    });
    timeout(limit, receiver).await.ok()?.ok()
}
