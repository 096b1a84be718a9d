use std::time::Duration;

use tokio::time::{sleep, timeout};

struct Connection;

impl Drop for Connection {
    fn drop(&mut self) {
        println!("closed");
    }
}

async fn query() {
    let _connection = Connection;
    println!("opened");
    sleep(Duration::from_secs(3)).await;
    println!("answered");
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let _ = timeout(Duration::from_secs(1), query()).await;
    println!("main");
}
