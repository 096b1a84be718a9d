// A task of its own waits for closing time and passes it on; the cook looks at a token.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

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

async fn serve(mut queue: mpsc::Receiver<Order>, closed: &CancellationToken) -> Report {
    let mut report = Report::default();
    while let Some(Some(order)) = closed.run_until_cancelled(queue.recv()).await {
        if closed.is_cancelled() {
            report.handed_back.push(order.number);
            break;
        }
        cook(&order).await;
        report.done.push(order.number);
    }
    queue.close();
    while let Ok(order) = queue.try_recv() {
        report.handed_back.push(order.number);
    }
    report
}

pub async fn run(queue: mpsc::Receiver<Order>, closing: impl Future<Output = ()>) -> Report {
    let closed = CancellationToken::new();
    let closes = async {
        closing.await;
        closed.cancel();
        std::future::pending().await
    };
    tokio::select! {
        biased;
        () = closes => unreachable!("it is pending"),
        report = serve(queue, &closed) => report,
    }
}
