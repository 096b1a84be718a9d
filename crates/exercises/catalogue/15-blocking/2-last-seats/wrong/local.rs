// misconception: one-thread-may-hold

use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::task::{JoinError, LocalSet, spawn_local};
use tokio::time::sleep;

/// Asks the bank for the money. Takes a second.
async fn pay(_buyer: &str) {
    sleep(Duration::from_secs(1)).await;
}

/// The seat; none, if all are taken.
async fn buy(free: Rc<Mutex<Vec<u32>>>, buyer: String) -> Option<u32> {
    let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
    let seat = free.pop()?;
    pay(&buyer).await;
    Some(seat)
}

pub async fn sell(seats: Vec<u32>, buyers: Vec<String>) -> Result<Vec<Option<u32>>, JoinError> {
    let free = Rc::new(Mutex::new(seats));
    // These tasks stay on this thread, so they need not be `Send`.
    let all = async {
        let mut tasks = Vec::new();
        for buyer in buyers {
            tasks.push(spawn_local(buy(free.clone(), buyer)));
        }
        let mut sold = Vec::new();
        for task in tasks {
            sold.push(task.await?);
        }
        Ok(sold)
    };
    LocalSet::new().run_until(all).await
}
