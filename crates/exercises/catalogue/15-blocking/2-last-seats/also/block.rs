// A block of its own for the guard, and no tasks: then the list needs no `Arc`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio::task::JoinError;
use tokio::time::sleep;

/// Asks the bank for the money. Takes a second.
async fn pay(_buyer: &str) {
    sleep(Duration::from_secs(1)).await;
}

/// The seat; none, if all are taken.
async fn buy(free: &Mutex<Vec<u32>>, buyer: String) -> Option<u32> {
    let seat = {
        let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
        free.pop()?
    };
    pay(&buyer).await;
    Some(seat)
}

pub async fn sell(seats: Vec<u32>, buyers: Vec<String>) -> Result<Vec<Option<u32>>, JoinError> {
    let free = Mutex::new(seats);
    let sold = join_all(buyers.into_iter().map(|buyer| buy(&free, buyer))).await;
    Ok(sold)
}
