// misconception: emptied-stays-empty

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
        let next = tokio::select! {
            biased;
            () = &mut closing => None,
            order = queue.recv() => order,
        };
        let Some(order) = next else { break };
        let mut cooking = pin!(cook(&order));
        let closes = tokio::select! {
            () = &mut cooking => false,
            () = &mut closing => true,
        };
        if closes {
            // The guests should know at once.
            while let Ok(order) = queue.try_recv() {
                report.handed_back.push(order.number);
            }
            cooking.await;
        }
        report.done.push(order.number);
        if closes {
            return report;
        }
    }
    while let Ok(order) = queue.try_recv() {
        report.handed_back.push(order.number);
    }
    report
}
