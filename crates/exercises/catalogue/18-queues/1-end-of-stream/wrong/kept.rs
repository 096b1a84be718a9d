// misconception: sender-kept

use tokio::sync::mpsc;

pub async fn produce(numbers: Vec<u32>, sender: mpsc::Sender<u32>) {
    for number in numbers {
        if sender.send(number).await.is_err() {
            return;
        }
    }
}

pub async fn sum(lists: Vec<Vec<u32>>) -> u32 {
    let (sender, mut receiver) = mpsc::channel(2);
    for numbers in lists {
        tokio::spawn(produce(numbers, sender.clone()));
    }
    let mut sum = 0;
    while let Some(number) = receiver.recv().await {
        sum += number;
    }
    sum
}
