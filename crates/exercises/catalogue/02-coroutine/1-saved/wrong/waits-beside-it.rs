// misconception: call-starts-it

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
    let _saving = save(order, log);
    let _confirming = confirm(order, log);
    sleep(Duration::from_secs(3)).await;
    log.add(format!("order {order} placed"));
}
