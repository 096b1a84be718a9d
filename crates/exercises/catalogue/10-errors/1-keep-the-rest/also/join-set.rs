// A task for each. They end in any order, so each brings its place along. A panic in one of them is
// a failure too.

use std::time::Duration;

use tokio::task::JoinSet;
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
    let mut tasks = JoinSet::new();
    for (place, station) in stations.iter().cloned().enumerate() {
        tasks.spawn(async move { (place, ask(&station).await) });
    }
    let mut answers = vec![Err("no answer".to_owned()); stations.len()];
    while let Some(ended) = tasks.join_next().await {
        if let Ok((place, answer)) = ended {
            answers[place] = answer;
        }
    }
    let mut report = Report::default();
    for (station, answer) in stations.iter().zip(answers) {
        match answer {
            Ok(degrees) => report.readings.push((station.name, degrees)),
            Err(error) => report.failures.push((station.name, error)),
        }
    }
    report
}
