use std::time::Duration;

use tokio::time::{Instant, sleep};

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let started = Instant::now();
    let first = sleep(Duration::from_secs(2));
    let second = sleep(Duration::from_secs(3));
    first.await;
    second.await;
    println!("{} s", started.elapsed().as_secs());
}
