use std::time::Duration;

use tokio::time::sleep;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    tokio::spawn(async {
        println!("begun");
        sleep(Duration::from_secs(1)).await;
        println!("saved");
    });
    tokio::task::yield_now().await;
    println!("main is done");
}
