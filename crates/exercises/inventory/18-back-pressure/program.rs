use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let started = Instant::now();
    let (sender, mut receiver) = mpsc::channel(1);
    let producer = tokio::spawn(async move {
        for number in 1..=3 {
            let _ = sender.send(number).await;
            println!("sent {number} at {} s", started.elapsed().as_secs());
        }
    });
    while receiver.recv().await.is_some() {
        sleep(Duration::from_secs(2)).await;
    }
    let _ = producer.await;
}
