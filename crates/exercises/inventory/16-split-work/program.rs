use std::thread;
use std::time::{Duration, Instant};

async fn compute() {
    // It stands for work that takes the processor for 50 ms.
    thread::sleep(Duration::from_millis(50));
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let started = Instant::now();
    tokio::join!(compute(), compute(), compute(), compute());
    let sum = started.elapsed() >= Duration::from_millis(200);
    println!(
        "{}",
        if sum {
            "as long as all of them"
        } else {
            "as long as one"
        }
    );
}
