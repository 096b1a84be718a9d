use std::time::Duration;

use tokio::time::{interval, sleep};

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let mut ticks = interval(Duration::from_secs(1));
    for _ in 0..5 {
        tokio::select! {
            _ = ticks.tick() => println!("tick"),
            () = sleep(Duration::from_millis(2500)) => println!("report"),
        }
    }
}
