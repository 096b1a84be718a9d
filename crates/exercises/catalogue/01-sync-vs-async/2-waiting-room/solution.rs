// `sleep` sets a timer and lets the thread go, so that the others can begin meanwhile.

use std::time::Duration;

use exercises::Log;
use tokio::time::sleep;

pub async fn treat(patient: &str, log: &Log) {
    log.add(format!("{patient} begins"));
    sleep(Duration::from_millis(300)).await;
    log.add(format!("{patient} is done"));
}

pub async fn treat_all(log: &Log) {
    tokio::join!(treat("Ada", log), treat("Ben", log), treat("Cy", log));
}
