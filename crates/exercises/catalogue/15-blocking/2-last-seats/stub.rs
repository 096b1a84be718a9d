// The last seats                                  make it compile, chapter 15-blocking
//
// Each buyer takes a seat from the list of free seats, if there is one left, and pays for it. All
// of them buy at the same time, and no seat is sold twice. `sell` tells who got which seat, in the
// order of the buyers. It does not compile. Make it compile.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::sleep;

/// Asks the bank for the money. Takes a second.
async fn pay(_buyer: &str) {
    sleep(Duration::from_secs(1)).await;
}

/// The seat; none, if all are taken.
async fn buy(free: Arc<Mutex<Vec<u32>>>, buyer: String) -> Option<u32> {
    let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
    let seat = free.pop()?;
    pay(&buyer).await;
    Some(seat)
}

pub async fn sell(seats: Vec<u32>, buyers: Vec<String>) -> Result<Vec<Option<u32>>, JoinError> {
    let free = Arc::new(Mutex::new(seats));
    let mut tasks = Vec::new();
    for buyer in buyers {
        tasks.push(tokio::spawn(buy(free.clone(), buyer)));
    }
    let mut sold = Vec::new();
    for task in tasks {
        sold.push(task.await?);
    }
    Ok(sold)
}
