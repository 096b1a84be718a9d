use std::time::Duration;

use tokio::time::sleep;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let handle = tokio::spawn(async {
        sleep(Duration::from_secs(1)).await;
        println!("task");
    });
    drop(handle);
    sleep(Duration::from_secs(2)).await;
    println!("main");
}
