use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let second = Duration::from_secs(1);
    let notify = Notify::new();
    notify.notify_waiters();
    println!("{}", timeout(second, notify.notified()).await.is_ok());
    notify.notify_one();
    println!("{}", timeout(second, notify.notified()).await.is_ok());
    println!("{}", timeout(second, notify.notified()).await.is_ok());
}
