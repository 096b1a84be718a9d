use std::time::Duration;

use tokio::time::{sleep, timeout};

async fn save() {
    println!("opened");
    sleep(Duration::from_secs(3)).await;
    println!("written");
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let result = timeout(Duration::from_secs(1), save()).await;
    println!("in time: {}", result.is_ok());
    sleep(Duration::from_secs(9)).await;
}
