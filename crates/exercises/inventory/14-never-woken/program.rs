use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let mut polls = 0;
    let ready = poll_fn(|_context| {
        polls += 1;
        if polls == 3 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    let result = timeout(Duration::from_secs(60), ready).await;
    println!("in time: {}", result.is_ok());
    println!("polls: {polls}");
}
