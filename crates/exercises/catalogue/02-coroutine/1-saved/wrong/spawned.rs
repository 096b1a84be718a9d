// misconception: await-is-later

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
    let (for_save, for_confirm) = (log.clone(), log.clone());
    tokio::spawn(async move { save(order, &for_save).await });
    tokio::spawn(async move { confirm(order, &for_confirm).await });
    log.add(format!("order {order} placed"));
}
