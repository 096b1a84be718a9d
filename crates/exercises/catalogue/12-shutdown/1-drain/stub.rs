// Closing time                                               fix, chapter 12-shutdown
//
// A kitchen cooks the orders in its queue, one at a time. When `closing` is ready, `run` returns
// at once: the dish on the stove is thrown away, and the orders in the queue are forgotten.
// Mend it: at closing time the dish on the stove is finished, no other is begun, and `run`
// returns. Every order that a guest could send is in the report then: in `done` or in
// `handed_back`.

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
    let mut report = Report::default();
    let cook_all = async {
        while let Some(order) = queue.recv().await {
            cook(&order).await;
            report.done.push(order.number);
        }
    };
    tokio::select! {
        () = cook_all => {}
        () = closing => {}
    }
    report
}
