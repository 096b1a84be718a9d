use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

async fn job(slots: &Semaphore) {
    let _ = slots.acquire().await;
    sleep(Duration::from_secs(1)).await;
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let started = Instant::now();
    let slots = Semaphore::new(2);
    tokio::join!(job(&slots), job(&slots), job(&slots), job(&slots));
    println!("{} s", started.elapsed().as_secs());
}
