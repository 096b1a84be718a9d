// Saved, or not                                          fix, chapter 02-coroutine
//
// `place_order` should save the order, then send the confirmation, and only then say that the
// order is placed. It says so, but nothing is saved and nothing is sent. Mend it.

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
    save(order, log);
    confirm(order, log);
    log.add(format!("order {order} placed"));
}
