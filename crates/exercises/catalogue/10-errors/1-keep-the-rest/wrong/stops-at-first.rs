// misconception: first-error-ends-it

use std::time::Duration;

use tokio::time::sleep;

/// A weather station.
#[derive(Clone, Debug)]
pub struct Station {
    pub name: &'static str,
    pub seconds: u64,
    pub answer: Result<i32, &'static str>,
}

/// What the stations say, by their names.
#[derive(Debug, Default)]
pub struct Report {
    pub readings: Vec<(&'static str, i32)>,
    pub failures: Vec<(&'static str, String)>,
}

/// The temperature. A station takes some seconds, also to fail.
pub async fn ask(station: &Station) -> Result<i32, String> {
    sleep(Duration::from_secs(station.seconds)).await;
    station.answer.map_err(str::to_owned)
}

pub async fn ask_all(stations: &[Station]) -> Report {
    let mut tasks = Vec::new();
    for station in stations.iter().cloned() {
        tasks.push((
            station.name,
            tokio::spawn(async move { ask(&station).await }),
        ));
    }
    let mut report = Report::default();
    for (name, task) in tasks {
        match task.await {
            Ok(Ok(degrees)) => report.readings.push((name, degrees)),
            Ok(Err(error)) => {
                report.failures.push((name, error));
                break;
            }
            Err(panic) => {
                report.failures.push((name, panic.to_string()));
                break;
            }
        }
    }
    report
}
