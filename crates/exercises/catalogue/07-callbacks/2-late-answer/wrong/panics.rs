// misconception: somebody-still-waits

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

#[derive(Debug)]
pub struct Table(u32);

type Callback = Box<dyn FnOnce(Table) + Send>;

/// The library. It answers one call after the other, each after three seconds. (Nothing panics
/// while it holds its lock, so that `unwrap` does not either.)
#[derive(Clone)]
pub struct Desk {
    calls: mpsc::UnboundedSender<Callback>,
    free: Arc<Mutex<Vec<u32>>>,
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
                    done(Table(number));
                }
            }
        });
        Self { calls, free }
    }

    pub fn ask(&self, done: impl FnOnce(Table) + Send + 'static) {
        drop(self.calls.send(Box::new(done)));
    }

    pub fn give_back(&self, table: Table) {
        self.free.lock().unwrap().push(table.0);
    }

    pub fn free(&self) -> usize {
        self.free.lock().unwrap().len()
    }
}

/// A table, if there is one within `limit`.
pub async fn reserve(desk: &Desk, limit: Duration) -> Option<Table> {
    let (sender, receiver) = oneshot::channel();
    desk.ask(move |table| {
        sender.send(table).expect("`reserve` waits for the table");
    });
    timeout(limit, receiver).await.ok()?.ok()
}
