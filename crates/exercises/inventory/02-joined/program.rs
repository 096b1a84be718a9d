use std::time::Duration;

use tokio::time::sleep;

async fn job(name: &str, seconds: u64) {
    println!("{name} begins");
    sleep(Duration::from_secs(seconds)).await;
    println!("{name} ends");
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    tokio::join!(job("a", 1), job("b", 2));
}
