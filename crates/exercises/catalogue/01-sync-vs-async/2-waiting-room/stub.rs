// The waiting room                                    fix, chapter 01-sync-vs-async
//
// Three patients are treated; each treatment takes 300 milliseconds of waiting. `join!` should
// overlap them, but the whole takes 900. Change `treat` so that the waits overlap. The log must
// say who begins and who is done, as it does now.

use std::thread;
use std::time::Duration;

use exercises::Log;

pub async fn treat(patient: &str, log: &Log) {
    log.add(format!("{patient} begins"));
    thread::sleep(Duration::from_millis(300));
    log.add(format!("{patient} is done"));
}

pub async fn treat_all(log: &Log) {
    tokio::join!(treat("Ada", log), treat("Ben", log), treat("Cy", log));
}
