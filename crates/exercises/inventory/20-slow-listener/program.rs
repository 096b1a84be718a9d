use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (sender, mut receiver) = broadcast::channel(2);
    for number in 1..=5 {
        let _ = sender.send(number);
    }
    drop(sender);
    loop {
        match receiver.recv().await {
            Ok(number) => println!("{number}"),
            Err(RecvError::Lagged(missed)) => println!("missed {missed}"),
            Err(RecvError::Closed) => break,
        }
    }
}
