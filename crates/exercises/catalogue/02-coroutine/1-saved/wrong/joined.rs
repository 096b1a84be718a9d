// misconception: join-keeps-the-order

use std::time::Duration;

use exercises::Log;
use tokio::time::sleep;

pub async fn save(order: u32, log: &Log) {
    sleep(Duration::from_secs(2)).await;
    log.add(format!("order {order} saved"));
}

pub async fn confirm(order: u32, log: &Log) {
    sleep(Duration::from_secs(1)).await;
    log.add(format!("order {order} confirmed"));
}

pub async fn place_order(order: u32, log: &Log) {
    tokio::join!(save(order, log), confirm(order, log));
    log.add(format!("order {order} placed"));
}
