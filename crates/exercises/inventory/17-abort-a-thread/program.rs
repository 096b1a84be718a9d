use std::thread;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let work = tokio::task::spawn_blocking(move || {
        let _ = begun.send(());
        thread::sleep(Duration::from_millis(50));
        println!("work is done");
    });
    let _ = has_begun.await;
    work.abort();
    println!("cancelled: {}", work.await.is_err());
}
