use std::time::Duration;

use tokio::time::{Instant, sleep};

async fn fetch(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let started = Instant::now();
    let fetches = [fetch(3), fetch(1), fetch(2)];
    for fetch in fetches {
        fetch.await;
    }
    println!("{} s", started.elapsed().as_secs());
}
