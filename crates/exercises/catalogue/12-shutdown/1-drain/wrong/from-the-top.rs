// misconception: select-asks-from-the-top

use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

#[derive(Debug)]
pub struct Order {
    pub number: u32,
    pub seconds: u64,
}

/// The numbers of the orders.
#[derive(Debug, Default)]
pub struct Report {
    pub done: Vec<u32>,
    pub handed_back: Vec<u32>,
}

async fn cook(order: &Order) {
    sleep(Duration::from_secs(order.seconds)).await;
}

pub async fn run(mut queue: mpsc::Receiver<Order>, closing: impl Future<Output = ()>) -> Report {
    let mut closing = pin!(closing);
    let mut report = Report::default();
    loop {
        tokio::select! {
            () = &mut closing => break,
            order = queue.recv() => {
                let Some(order) = order else { break };
                cook(&order).await;
                report.done.push(order.number);
            }
        }
    }
    queue.close();
    while let Some(order) = queue.recv().await {
        report.handed_back.push(order.number);
    }
    report
}
