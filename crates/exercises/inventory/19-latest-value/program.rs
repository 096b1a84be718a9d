use tokio::sync::watch;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (sender, mut receiver) = watch::channel(0);
    let reader = tokio::spawn(async move {
        while receiver.changed().await.is_ok() {
            println!("{}", *receiver.borrow_and_update());
        }
    });
    for price in 1..=3 {
        let _ = sender.send(price);
    }
    drop(sender);
    let _ = reader.await;
}
