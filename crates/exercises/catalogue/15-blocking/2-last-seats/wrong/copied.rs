// misconception: a-copy-is-shared

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
    let mut seats = free.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let seat = seats.pop()?;
    pay(&buyer).await;
    *free.lock().unwrap_or_else(PoisonError::into_inner) = seats;
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
