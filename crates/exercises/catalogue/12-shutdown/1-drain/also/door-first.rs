// The door is shut in the moment of closing, also while a dish is on the stove.

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
    let mut is_closed = false;
    let mut report = Report::default();
    loop {
        let order = tokio::select! {
            biased;
            () = &mut closing, if !is_closed => {
                is_closed = true;
                queue.close();
                continue;
            }
            order = queue.recv() => order,
        };
        let Some(order) = order else { return report };
        if is_closed {
            report.handed_back.push(order.number);
            continue;
        }
        let mut cooking = pin!(cook(&order));
        tokio::select! {
            () = &mut cooking => {}
            () = &mut closing => {
                is_closed = true;
                queue.close();
                cooking.await;
            }
        }
        report.done.push(order.number);
    }
}
