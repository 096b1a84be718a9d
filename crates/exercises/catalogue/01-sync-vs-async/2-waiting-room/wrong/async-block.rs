// misconception: async-makes-it-concurrent

use std::time::Duration;

use exercises::Log;

pub async fn treat(patient: &str, log: &Log) {
    log.add(format!("{patient} begins"));
    async { std::thread::sleep(Duration::from_millis(300)) }.await;
    log.add(format!("{patient} is done"));
}

pub async fn treat_all(log: &Log) {
    tokio::join!(treat("Ada", log), treat("Ben", log), treat("Cy", log));
}
