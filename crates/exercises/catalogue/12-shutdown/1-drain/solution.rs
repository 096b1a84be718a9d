// Only the wait for an order can be cut short, never the cooking. And the queue is closed before
// it is emptied: from then on nobody can put anything in behind our back.

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

/// Returns when all guests have dropped their senders, too.
pub async fn run(mut queue: mpsc::Receiver<Order>, closing: impl Future<Output = ()>) -> Report {
    let mut closing = pin!(closing);
    let mut report = Report::default();
    loop {
        let next = tokio::select! {
            biased; // when both are ready, nothing new is begun
            () = &mut closing => None,
            order = queue.recv() => order,
        };
        let Some(order) = next else { break };
        cook(&order).await;
        report.done.push(order.number);
    }
    queue.close();
    while let Some(order) = queue.recv().await {
        report.handed_back.push(order.number);
    }
    report
}
