// misconception: sleep-needs-no-await

use std::time::Duration;

use exercises::Log;
use tokio::time::sleep;

pub async fn treat(patient: &str, log: &Log) {
    log.add(format!("{patient} begins"));
    let _ = sleep(Duration::from_millis(300));
    log.add(format!("{patient} is done"));
}

pub async fn treat_all(log: &Log) {
    tokio::join!(treat("Ada", log), treat("Ben", log), treat("Cy", log));
}
