use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

async fn update(balance: &Mutex<u32>) {
    let mut balance = balance.lock().await;
    sleep(Duration::from_secs(1)).await;
    *balance += 1;
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let started = Instant::now();
    let balance = Mutex::new(0);
    tokio::join!(update(&balance), update(&balance), update(&balance));
    println!(
        "{} after {} s",
        *balance.lock().await,
        started.elapsed().as_secs()
    );
}
