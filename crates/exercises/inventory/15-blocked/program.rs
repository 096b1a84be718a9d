use std::thread;
use std::time::Duration;

use tokio::time::sleep;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let ticker = tokio::spawn(async {
        for number in 1..=3 {
            sleep(Duration::from_millis(10)).await;
            println!("tick {number}");
        }
    });
    tokio::task::yield_now().await;
    println!("reading");
    thread::sleep(Duration::from_millis(100));
    println!("read");
    let _ = ticker.await;
}
